#include <glob.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>

#include "base/class_names.h"
#include "base/error.h"
#include "base/progress.h"
#include "dataset/emoji_images.h"
#include "dataset/open_arrays.h"
#include "dataset/sample_labels.h"
#include "dataset/stored_images.h"

namespace tessera {
namespace {

const std::vector<std::string> kFashionClasses = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                                  "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                                  "Bag",         "Ankle boot"};
const std::string& kinds() {
  static const std::string text =
      "a folder of images (" + image_kinds() +
      "), .tar files, IDX files, CIFAR-10 .bin files, a .npy file, or a name (fashion-mnist, "
      "fashion-mnist-test, emoji)";
  return text;
}

constexpr std::size_t kMostLabelBytes = 1 << 20;  // of a file beside an image

[[noreturn]] void refuse_empty(const fs::path& path, const DataNotes& notes) {
  std::string text = "holds no image (" + image_kinds() + ")";
  if (const auto warnings = notes.warnings(); !warnings.empty()) text += "; " + warnings[0];
  if (notes.left_out > 0)
    text += "; " + std::to_string(notes.left_out) + " hidden or system files left out";
  throw FileError(path, text);
}

std::unique_ptr<ImageSet> open_folder(const fs::path& folder, const SampleKeys& keys,
                                      DataNotes& notes) {
  auto listing = list_folder(folder, notes);
  std::error_code unreadable;
  SampleFiles files;
  files.names = std::move(listing.files);
  files.folders = std::move(listing.folders);
  files.place = [&](std::size_t file) { return (folder / files.names[file]).string(); };
  files.read = [&](std::size_t file) {
    return read_file(folder / files.names[file], kMostLabelBytes);
  };
  files.root = fs::weakly_canonical(folder, unreadable).filename().string();
  auto [images, labels] = label_samples(files, keys, notes);
  if (images.empty()) refuse_empty(folder, notes);
  std::vector<std::string> paths;
  for (const auto image : images) paths.push_back(std::move(files.names[image]));
  return std::make_unique<FolderImages>(folder, std::move(paths), std::move(labels));
}

void note_unread(const TarFile& tar, DataNotes& notes) {
  const auto name = tar.path().filename().string();
  if (!tar.unread().empty())
    notes.oddities.push_back(std::to_string(tar.unread().size()) + " entries of " + name +
                             " cannot be read, as links to what is not in it: " +
                             class_name_of_bytes(listed_names(tar.unread(), 3)));
  if (tar.bytes_after_end() > 0)
    notes.oddities.push_back(std::to_string(tar.bytes_after_end()) +
                             " bytes after the end mark of " + name + " are not read");
}

std::unique_ptr<ImageSet> open_tars(const Paths& paths, const SampleKeys& keys, DataNotes& notes) {
  std::vector<TarFile> tars;
  std::vector<TarImages::Place> places;
  SampleFiles files;
  for (const auto& path : paths) {
    const auto& tar = tars.emplace_back(path);
    const auto number = static_cast<std::uint32_t>(tars.size() - 1);
    for (std::size_t i = 0; i < tar.entries().size(); ++i) {
      if (any_left_out(tar.entries()[i].name)) {
        ++notes.left_out;
        continue;
      }
      places.push_back({number, static_cast<std::uint32_t>(i)});
      files.names.push_back(tar.entries()[i].name);
      files.archives.push_back(number);
    }
    for (const auto& folder : tar.folders())
      if (!any_left_out(folder)) files.folders.push_back(folder);
    note_unread(tar, notes);
  }
  files.place = [&](std::size_t file) {
    return tars[places[file].tar].path().string() + ":" + files.names[file];
  };
  files.read = [&](std::size_t file) {
    const auto& tar = tars[places[file].tar];
    const auto& entry = tar.entries()[places[file].entry];
    if (entry.size > kMostLabelBytes)
      throw FileError(files.place(file), "is larger than 1 MB, expected a label");
    return tar.read(entry);
  };
  files.root = paths[0].stem().string();
  files.archive = true;
  auto [images, labels] = label_samples(files, keys, notes);
  if (images.empty()) refuse_empty(paths[0], notes);
  std::vector<TarImages::Place> chosen;
  for (const auto image : images) chosen.push_back(places[image]);
  return std::make_unique<TarImages>(std::move(tars), std::move(chosen), std::move(labels));
}

// Below TESSERA_DATASETS, or where Debian's packages put it.
fs::path place_of(const std::string& name, const fs::path& packaged) {
  const char* root = std::getenv("TESSERA_DATASETS");
  return root ? fs::path(root) / name : packaged;
}

std::unique_ptr<ImageSet> open_fashion_mnist(const std::string& prefix) {
  const fs::path folder = place_of("fashion-mnist", "/usr/share/datasets/fashion-mnist");
  const Paths pair = {folder / (prefix + "-images-idx3-ubyte.gz"),
                      folder / (prefix + "-labels-idx1-ubyte.gz")};
  std::error_code unreadable;
  for (const auto& path : pair)
    if (!fs::exists(path, unreadable))
      throw FileError(path, "does not exist; install the Debian package dataset-fashion-mnist");
  return open_idx(pair, kFashionClasses);
}

// Existing paths stay; others are patterns such as "train-*.tar".
Paths expand(const std::vector<std::string>& data) {
  Paths paths;
  std::error_code unreadable;
  for (const auto& item : data) {
    if (fs::exists(item, unreadable)) {
      paths.emplace_back(item);
      continue;
    }
    glob_t found{};
    const int status = ::glob(item.c_str(), 0, nullptr, &found);
    if (status == 0) paths.insert(paths.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (status != 0) throw Error("--data " + item + ": there is no such path; expected " + kinds());
  }
  return paths;
}

enum class Kind { folder, tar, idx, cifar, npy };

// What a file is whose name does not say so, by its first bytes; empty where they do not either.
std::string kind_of_content(const std::string& beginning) {
  using namespace std::string_literals;
  constexpr std::size_t kTarMark = 257;
  if (beginning.size() > kTarMark && beginning.compare(kTarMark, 5, "ustar") == 0) return "tar";
  for (const auto& [bytes, kind] :
       {std::pair{"PK\x03\x04"s, "a zip archive; unpack it into a folder"},
        {"7z\xbc\xaf"s, "a 7z archive; unpack it into a folder"},
        {"Rar!"s, "a RAR archive; unpack it into a folder"},
        {"PAR1"s, "a Parquet file; write its images into a folder"},
        {"\x89HDF"s, "an HDF5 file; write its images into a .npy file"},
        {"\x89PNG"s, "one PNG image; name its folder"},
        {"\xff\xd8\xff"s, "one JPEG image; name its folder"}})
    if (beginning.starts_with(bytes)) return kind;
  return "";
}

std::string beginning_of(const fs::path& path) {
  std::string bytes(512, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), std::ssize(bytes));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return bytes;
}

Kind kind_of(const fs::path& path) {
  std::error_code unreadable;
  if (fs::is_directory(path, unreadable)) return Kind::folder;
  auto name = path.filename().string();
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // A compressed tar is refused there, by the name of its compression.
  for (const char* ending : {".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst",
                             ".tar.bz2", ".tbz2", ".tar.lz4"})
    if (name.ends_with(ending)) return Kind::tar;
  if (name.ends_with(".npy")) return Kind::npy;
  if (name.ends_with(".bin")) return Kind::cifar;
  if (name.find("idx") != std::string::npos || name.ends_with(".gz")) return Kind::idx;
  const auto content = kind_of_content(beginning_of(path));
  if (content == "tar") return Kind::tar;
  if (!content.empty()) throw FileError(path, "is " + content);
  throw FileError(path, "is no kind of data that is known; expected " + kinds());
}

// Takes "image-key=K" and "label-key=K" out of what --data names.
SampleKeys take_keys(std::vector<std::string>& data) {
  SampleKeys keys;
  const auto take = [&](const std::string& name, std::string& value) {
    const auto is_key = [&](const std::string& item) { return item.starts_with(name + "="); };
    for (const auto& item : data)
      if (is_key(item)) value = item.substr(name.size() + 1);
    std::erase_if(data, is_key);
  };
  take("image-key", keys.image);
  take("label-key", keys.label);
  return keys;
}

std::unique_ptr<ImageSet> open_paths(const std::vector<std::string>& data, const SampleKeys& keys,
                                     DataNotes& notes) {
  const Paths paths = expand(data);
  const Kind kind = kind_of(paths[0]);
  for (const auto& path : paths)
    if (kind_of(path) != kind)
      throw Error("--data: " + path.string() + " is of another kind than " + paths[0].string());
  if (paths.size() > 1 && (kind == Kind::folder || kind == Kind::npy))
    throw Error("--data: " + paths[1].string() +
                ": only one folder or .npy file can be read at a time");
  if (kind != Kind::folder && kind != Kind::tar && !(keys.image + keys.label).empty())
    throw Error("--data " + paths[0].string() +
                ": --image-key and --label-key are for tar files and folders");
  switch (kind) {
    case Kind::folder:
      return open_folder(paths[0], keys, notes);
    case Kind::tar:
      return open_tars(paths, keys, notes);
    case Kind::idx:
      return open_idx(paths);
    case Kind::cifar:
      return open_cifar(paths);
    case Kind::npy:
      return open_npy_images(paths[0]);
  }
  TESSERA_CHECK(false);
  return nullptr;
}

// A command may open a set several times; its user needs to hear of it once.
void warn_once(const std::string& warning) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.insert(warning).second) say("warning: " + warning);
}

}  // namespace

std::unique_ptr<ImageSet> open_images(const std::vector<std::string>& data, DataNotes* notes) {
  auto paths = data;
  const auto keys = take_keys(paths);
  if (paths.empty()) throw Error("--data is missing; expected " + kinds());
  if (paths.size() == 1 && (keys.image + keys.label).empty()) {
    if (paths[0] == "fashion-mnist") return open_fashion_mnist("train");
    if (paths[0] == "fashion-mnist-test") return open_fashion_mnist("t10k");
    if (paths[0] == "emoji")
      return open_emoji(place_of("emoji/emoji-test.txt", "/usr/share/unicode/emoji/emoji-test.txt"),
                        place_of("emoji/NotoColorEmoji.ttf",
                                 "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"));
  }
  DataNotes own;
  auto images = open_paths(paths, keys, notes ? *notes : own);
  for (const auto& warning : own.warnings()) warn_once(listed_names(paths, 1) + ": " + warning);
  return images;
}

void warn_of_other_classes(const std::string& first_set, const std::vector<std::string>& first,
                           const std::string& second_set, const std::vector<std::string>& second) {
  const auto mismatch = class_mismatch(first_set, first, second_set, second);
  if (!mismatch.empty()) warn_once(mismatch);
}

}  // namespace tessera
