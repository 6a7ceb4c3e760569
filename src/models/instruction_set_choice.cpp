#include "models/instruction_set_choice.h"

#include <cstdlib>

#include "base/error.h"
#include "kernels/instruction_set.h"

namespace tessera {

void choose_instruction_set() {
  const char* name = std::getenv("TESSERA_ISA");
  if (name == nullptr || *name == '\0') return;
  const auto set = kernels::find_instruction_set(name);
  if (set && kernels::is_available(*set)) return kernels::use_instruction_set(*set);
  std::string available;
  for (const auto each : kernels::instruction_sets())
    available += (available.empty() ? "" : ", ") + std::string(kernels::name_of(each));
  throw Error("TESSERA_ISA is '" + std::string(name) +
              "', expected what this machine has: " + available);
}

}  // namespace tessera
