#pragma once

#include <cstddef>
#include <string>

namespace tessera {

/// Bytes that this process may still take: what the system has available, or less where a limit is
/// set on its control group.
std::size_t available_memory();

/// Throws UsageError if `bytes` are more than available_memory(). `what` begins the message: the
/// option, what was found, what takes the memory.
void require_memory(double bytes, const std::string& what);

}  // namespace tessera
