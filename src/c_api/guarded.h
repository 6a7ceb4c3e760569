// c_api/ is the engine behind C functions, and the shared library that holds both.
#pragma once

#include <functional>

namespace tessera {

/// Calls `act` and turns what leaves it into a status of tessera.h, so that no exception crosses
/// the interface. The message of what was thrown is kept for last_error().
int guarded(const std::function<void()>& act) noexcept;

/// Why the last call of guarded() on this thread that failed did so.
const char* last_error() noexcept;

}  // namespace tessera
