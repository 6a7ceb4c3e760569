#include "base/available_memory.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

#include "base/error.h"

namespace tessera {
namespace {

std::optional<std::size_t> first_number(const char* path) {
  std::ifstream file(path);
  std::size_t number;
  if (file >> number) return number;
  return std::nullopt;  // no such file, or "max"
}

std::size_t system_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string name; file >> name;) {
    std::size_t kilobytes;
    if (name == "MemAvailable:" && file >> kilobytes) return kilobytes << 10;
  }
  return static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::size_t available_memory() {
  auto available = system_memory();
  const auto limit = first_number("/sys/fs/cgroup/memory.max");
  const auto used = first_number("/sys/fs/cgroup/memory.current");
  if (limit && used) available = std::min(available, *limit - std::min(*used, *limit));
  return available;
}

void require_memory(double bytes, const std::string& what) {
  const auto free = static_cast<double>(available_memory());
  if (bytes <= free) return;
  char needed[64];
  std::snprintf(needed, sizeof needed, "%.1f GB, expected at most the %.1f GB", bytes / 1e9,
                free / 1e9);
  throw UsageError(what + " takes at least " + needed + " that are free");
}

}  // namespace tessera
