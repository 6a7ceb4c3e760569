#pragma once

#include <dnnl.hpp>

#include "engine/feature_map.h"

namespace tessera {

/// oneDNN's engine for this processor. What it may use is settled at the first call: what the
/// kernels use then (see instruction_set_choice.h).
const dnnl::engine& processor_engine();

/// Whether oneDNN multiplies bf16 by this processor's own instructions.
bool has_bf16();

/// Whether oneDNN multiplies bf16 by tiles of a matrix (AMX).
bool has_tiles();

/// oneDNN asks OpenMP how many threads it may use, when it makes a primitive and when it runs one.
/// While this object lives the answer on this thread is one, so that ThreadPool stays the owner of
/// all threads.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

/// The description of a Primitive that runs on this processor, from what defines it. oneDNN 2
/// (Debian 12) takes these arguments as an operation of their own, 3 (Debian 13) after the engine.
template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc describe_primitive(const dnnl::primitive_attr& attributes,
                                                      const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {processor_engine(), arguments..., attributes};
#else
  return {typename Primitive::desc(arguments...), attributes, processor_engine()};
#endif
}

constexpr dnnl::memory::data_type one_dnn_type(ActivationType type) {
  return type == ActivationType::bf16 ? dnnl::memory::data_type::bf16
                                      : dnnl::memory::data_type::f32;
}

}  // namespace tessera
