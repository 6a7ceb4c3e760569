#pragma once

#include <dnnl.hpp>

#include "engine/feature_map.h"

namespace tessera {

/// oneDNN's engine for this processor.
const dnnl::engine& processor_engine();

/// Whether oneDNN multiplies bf16 by this processor's own instructions.
bool has_bf16();

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

constexpr dnnl::memory::data_type one_dnn_type(ActivationType type) {
  return type == ActivationType::bf16 ? dnnl::memory::data_type::bf16
                                      : dnnl::memory::data_type::f32;
}

}  // namespace tessera
