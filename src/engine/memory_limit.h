#pragma once

#include <cstddef>

namespace tessera {

/// Bytes that this process may still take: what the system has available, or less where a limit is
/// set on its control group.
std::size_t available_memory();

}  // namespace tessera
