#include "engine/thread_count.h"

#include <algorithm>
#include <string>
#include <thread>

#include "base/error.h"

namespace tessera {

int thread_count(int asked) {
  if (asked < 0) throw Error("threads is " + std::to_string(asked) + ", expected 0 or more");
  return asked > 0 ? asked : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace tessera
