#include "engine/one_dnn.h"

#include <omp.h>

#include "kernels/instruction_set.h"

namespace tessera {

namespace {

// oneDNN may be told once, before it is first used, which instruction sets it has.
void limit_instruction_set() {
#if defined(__x86_64__)
  using kernels::InstructionSet;
  static const auto limit = [] {
    switch (kernels::instruction_set()) {
      case InstructionSet::scalar:
      case InstructionSet::sse4:
        return dnnl::set_max_cpu_isa(dnnl::cpu_isa::sse41);
      case InstructionSet::avx2:
        return dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
      case InstructionSet::avx512:
        return dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core);
      default:
        return dnnl::status::success;
    }
  }();
  static_cast<void>(limit);  // refused where the process has used oneDNN before: it is faster then
#endif
}

#if defined(__x86_64__)
bool uses(dnnl::cpu_isa instructions) {
  limit_instruction_set();
  const auto needed = static_cast<unsigned>(instructions);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & needed) == needed;
}
#endif

}  // namespace

const dnnl::engine& processor_engine() {
  limit_instruction_set();
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

bool has_bf16() {
#if defined(__x86_64__)
  return uses(dnnl::cpu_isa::avx512_core_bf16);
#else
  return false;
#endif
}

bool has_tiles() {
#if defined(__x86_64__)
  return uses(dnnl::cpu_isa::avx512_core_amx);
#else
  return false;
#endif
}

OneThread::OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }

OneThread::~OneThread() { omp_set_num_threads(before_); }

}  // namespace tessera
