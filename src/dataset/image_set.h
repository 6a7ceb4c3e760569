// dataset/ turns image folders, archives and arrays into batches: shuffled, augmented, resumable, without LibTorch.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "recipe/data_config.h"

namespace tessera {

/// Images that can be read in any order, from any thread.
class ImageSet {
 public:
  virtual ~ImageSet() = default;
  virtual std::size_t size() const = 0;
  /// Class of image `index`, 0 .. class_names().size() - 1.
  virtual int label(std::size_t index) const = 0;
  /// Where image `index` comes from, for messages.
  virtual std::string name(std::size_t index) const = 0;
  /// Sorted by name; a flat or single-class folder has one class.
  virtual const std::vector<std::string>& class_names() const = 0;
  /// Writes image `index`, resized (antialiased) and centre-cropped to a square, as [side, side, 3] in [-1, 1].
  /// Throws FileError when the image is corrupt.
  virtual void read(std::size_t index, int side, float* pixels) const = 0;
};

enum class Split { train, valid, all };

/// Opens what --data names (COMMANDS.md's list): folders, tar files or globs, an IDX pair, CIFAR binary, .npy, or a name.
/// Throws Error when there is nothing to read.
std::unique_ptr<ImageSet> open_images(const std::vector<std::string>& data);

/// The images of a split, in the order of `all`; keeps `images` alive.
std::shared_ptr<const ImageSet> take_split(std::shared_ptr<const ImageSet> images, Split split,
                                           const DataConfig& config);

}  // namespace tessera
