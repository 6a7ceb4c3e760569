// What a test's subject takes of memory at its peak.
#pragma once

#include <malloc.h>

#include <fstream>
#include <string>

#include "engine/one_dnn.h"

namespace tessera {

/// Resident memory above what there was when this was made. One at a time.
class PeakMemory {
 public:
  PeakMemory() {
    // Memory that is freed goes back to the system at once: what is resident is in use.
    ::mallopt(M_MMAP_THRESHOLD, 1 << 16);
    dnnl::set_primitive_cache_capacity(0);  // oneDNN forgets the code of earlier tests
    dnnl::set_primitive_cache_capacity(1024);
    ::malloc_trim(0);
    before_ = status("VmRSS");
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  }
  double bytes() const { return status("VmHWM") - before_; }

 private:
  static double status(const std::string& field) {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with(field + ":")) return 1024 * std::stod(line.substr(field.size() + 1));
    return 0;
  }
  double before_ = 0;
};

}  // namespace tessera
