#pragma once

#include <vector>

#include "tessera/engine.h"
#include "tessera/tessera.h"

namespace tessera {

/// What the structs of tessera.h ask for, in C++. These throw Error for NULL, for a struct of a
/// size that is not known and for a number that names nothing; ranges are the engine's to check.
EngineOptions engine_options(const tessera_options* options);
std::vector<Request> requests_of(const tessera_request* requests, std::size_t count);
/// Throws Cancelled out of a callback that does not return 0.
Callbacks callbacks_of(const tessera_callbacks* callbacks);

}  // namespace tessera
