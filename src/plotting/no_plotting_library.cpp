#include "plotting/plotting_library.h"

namespace tessera {

std::string_view plotting_library() { return {}; }
std::string_view plotting_license() { return {}; }

}  // namespace tessera
