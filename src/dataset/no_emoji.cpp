#include "base/error.h"
#include "dataset/emoji_images.h"

namespace tessera {

std::unique_ptr<ImageSet> open_emoji(const fs::path&, const fs::path&) {
  throw Error(
      "--data emoji: this program was built without HarfBuzz and FreeType; install "
      "libharfbuzz-dev and libfreetype-dev (or scripts/install_dependencies.sh --all) and build "
      "again");
}

}  // namespace tessera
