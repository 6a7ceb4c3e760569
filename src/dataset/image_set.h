// dataset/ turns image folders, archives and arrays into batches: shuffled, augmented, resumable,
// without LibTorch.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataset/data_notes.h"
#include "image/image.h"
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
  /// Folders sorted by name, arrays by number; a flat or single-class folder has one class.
  virtual const std::vector<std::string>& class_names() const = 0;
  /// Writes image `index`, resized (antialiased) and centre-cropped to a square, as [side, side, 3]
  /// in [-1, 1]. Throws FileError when the image is corrupt.
  virtual void read(std::size_t index, int side, float* pixels) const = 0;
  /// Reads image `index` whole and says what is odd about it. Throws FileError as read() does.
  virtual DecodeNotes check(std::size_t index) const;
  /// Images of one family (drawn variants of one thing) are held out together.
  virtual std::size_t family(std::size_t index) const { return index; }
  /// Width and height of image `index` as it is stored; 0 and 0 where they are not known.
  virtual std::pair<int, int> stored_size(std::size_t) const { return {0, 0}; }
};

enum class Split { train, valid, all };

/// Opens what --data names (docs/formats/data.md): folders, tar files or globs, an IDX pair, CIFAR
/// binary, .npy, or a name; "image-key=K" and "label-key=K" among the paths are SampleKeys. What
/// was passed over goes to `notes`; without them it is a warning, once in a process. Throws Error
/// when there is nothing to read.
std::unique_ptr<ImageSet> open_images(const std::vector<std::string>& data,
                                      DataNotes* notes = nullptr);

/// The images at `indices`, in that order; keeps `images` alive.
std::shared_ptr<const ImageSet> select_images(std::shared_ptr<const ImageSet> images,
                                              std::vector<std::size_t> indices);

/// Warns when the classes of two sets differ by name, once in a process (see class_mismatch);
/// `first_set` is "--data train".
void warn_of_other_classes(const std::string& first_set, const std::vector<std::string>& first,
                           const std::string& second_set, const std::vector<std::string>& second);

/// Whether `--split valid` holds out the images of this family.
bool is_held_out(std::size_t family, const DataConfig& config);

/// The images of a split, in the order of `all`; keeps `images` alive. Throws Error when the split
/// is empty.
std::shared_ptr<const ImageSet> take_split(std::shared_ptr<const ImageSet> images, Split split,
                                           const DataConfig& config);

/// SHA-256 of every image's file name and class, in order: tells whether two runs read the same
/// list, wherever it lies.
std::string listing_hash(const ImageSet& images);

}  // namespace tessera
