#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataset/image_set.h"
#include "dataset/listing.h"
#include "formats/npy.h"
#include "formats/tar.h"
#include "image/image.h"

namespace tessera {

/// A labelled set of images that are stored as 8-bit RGB of any size.
class StoredImages : public ImageSet {
 public:
  explicit StoredImages(Labels labels) : labels_(std::move(labels)) {}
  std::size_t size() const override { return labels_.of_image.size(); }
  int label(std::size_t index) const override { return labels_.of_image.at(index); }
  const std::vector<std::string>& class_names() const override { return labels_.names; }
  void read(std::size_t index, int side, float* pixels) const override;
  std::pair<int, int> stored_size(std::size_t index) const override;
  DecodeNotes check(std::size_t index) const override;

 protected:
  virtual Image load(std::size_t index, DecodeNotes& notes) const = 0;

 private:
  Labels labels_;
};

/// Image files below a folder.
class FolderImages : public StoredImages {
 public:
  /// `paths` are relative to `folder`.
  FolderImages(fs::path folder, std::vector<std::string> paths, Labels labels);
  std::string name(std::size_t index) const override {
    return (folder_ / paths_.at(index)).string();
  }

 protected:
  Image load(std::size_t index, DecodeNotes& notes) const override;

 private:
  fs::path folder_;
  std::vector<std::string> paths_;
};

/// Image files inside tars.
class TarImages : public StoredImages {
 public:
  struct Place {
    std::uint32_t tar, entry;
  };
  TarImages(std::vector<TarFile> tars, std::vector<Place> places, Labels labels);
  std::string name(std::size_t index) const override;

 protected:
  Image load(std::size_t index, DecodeNotes& notes) const override;

 private:
  std::vector<TarFile> tars_;
  std::vector<Place> places_;
};

/// How the pixels of an array lie in memory.
enum class Layout { grey, rgb, planes };

/// Images of one size in one array of bytes: IDX, CIFAR, uint8 .npy.
class ArrayImages : public StoredImages {
 public:
  struct Array {
    std::string name;
    int width = 0, height = 0;
    Layout layout = Layout::rgb;
    std::size_t stride = 0;                ///< bytes from one image to the next
    std::span<const std::uint8_t> pixels;  ///< begins at the first image's first pixel
    std::shared_ptr<const void> owner;     ///< keeps the pixels alive
  };
  ArrayImages(Array array, Labels labels);
  std::string name(std::size_t index) const override;

 protected:
  Image load(std::size_t index, DecodeNotes& notes) const override;

 private:
  Array array_;
};

/// float32 .npy [N, 3, H, W] in [-1, 1].
class FloatImages : public ImageSet {
 public:
  explicit FloatImages(NpyFile file);
  std::size_t size() const override { return static_cast<std::size_t>(file_.shape()[0]); }
  int label(std::size_t) const override { return 0; }
  std::string name(std::size_t index) const override;
  const std::vector<std::string>& class_names() const override { return class_names_; }
  /// Throws FileError when a pixel is not in [-1, 1].
  void read(std::size_t index, int side, float* pixels) const override;
  std::pair<int, int> stored_size(std::size_t) const override { return {width_, height_}; }

 private:
  NpyFile file_;
  int width_, height_;
  std::vector<std::string> class_names_;
};

}  // namespace tessera
