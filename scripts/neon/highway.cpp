// What the kernels need of Highway's library, which Debian has only for the machine's own
// architecture.
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <cstdlib>

namespace hwy {

int64_t SupportedTargets() { return HWY_TARGETS; }

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

void Abort(const char*, int, const char*, ...) { std::abort(); }

}  // namespace hwy
