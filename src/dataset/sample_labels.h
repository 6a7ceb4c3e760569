#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dataset/listing.h"

namespace tessera {

/// Which of the files that share a name up to its first dot ("0.input.png", "0.seg.png", "0.cls":
/// a sample of WebDataset) are the image and the label.
struct SampleKeys {
  /// "input.png"; several with ';' between, the first that a sample has; empty: every image.
  std::string image;
  /// "cls", "txt", "json", "json.FIELD", "folder" or "none"; empty: what fits.
  std::string label;
};

/// The files of a folder or of several archives.
struct SampleFiles {
  std::vector<std::string> names;       ///< paths below the folder or in the archives
  std::vector<std::uint32_t> archives;  ///< number of each one's archive; samples do not cross them
  std::vector<std::string> folders;     ///< which may be classes without an image
  std::function<std::string(std::size_t)> read;   ///< the bytes of a file
  std::function<std::string(std::size_t)> place;  ///< its name in messages
  std::string root;                               ///< the class of images that have no other
  bool archive = false;  ///< labels in files are looked for without being asked for
};

struct LabelledImages {
  std::vector<std::size_t> files;  ///< in order
  Labels labels;
};

/// Chooses the images and their labels; notes what is passed over and what else would fit. Throws
/// Error naming the file when a key finds nothing, or a label is missing or means nothing.
LabelledImages label_samples(const SampleFiles& files, const SampleKeys& keys, DataNotes& notes);

}  // namespace tessera
