#include "engine/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

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

}  // namespace tessera
