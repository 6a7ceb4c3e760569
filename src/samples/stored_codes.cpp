#include "samples/stored_codes.h"

#include <cmath>

#include "base/error.h"
#include "tokens/npy_codes.h"
#include "tokens/token_file.h"

namespace tessera {
namespace {

constexpr std::size_t kHashShown = 12;  // digits of a SHA-256 that an error shows

StoredCodes codes_of_token_file(const fs::path& path, const std::string& tokenizer_hash) {
  const auto file = TokenFile::open(path);
  if (file.tokenizer_hash() != tokenizer_hash)
    throw FileError(path, "tokenizer", file.tokenizer_hash().substr(0, kHashShown),
                    tokenizer_hash.substr(0, kHashShown) +
                        ", since tokens fit only the tokenizer that made them");
  StoredCodes codes{.images = file.images() * file.crops(),
                    .rows = file.header().grid_rows,
                    .columns = file.header().grid_columns,
                    .class_names = file.class_names()};
  std::vector<std::int64_t> one(codes.tokens_per_image());
  for (std::int64_t image = 0; image < file.images(); ++image)
    for (std::int64_t crop = 0; crop < file.crops(); ++crop) {
      file.read_codes(image, crop, one);
      codes.values.insert(codes.values.end(), one.begin(), one.end());
      codes.labels.push_back(file.label(image));
    }
  return codes;
}

StoredCodes codes_of_npy(const fs::path& path, int codebook_size) {
  const auto codes = read_npy_codes(path, codebook_size);
  const auto side = static_cast<int>(std::llround(std::sqrt(static_cast<double>(codes.columns))));
  if (std::int64_t{side} * side != codes.columns)
    throw FileError(path, "tokens per image", std::to_string(codes.columns),
                    "those of a square grid; a token file says its rows and columns");
  return {.values = {codes.values.begin(), codes.values.end()},
          .images = codes.rows,
          .rows = side,
          .columns = side,
          .labels = {},
          .class_names = {}};
}

}  // namespace

StoredCodes read_stored_codes(const fs::path& path, const std::string& tokenizer_hash,
                              int codebook_size) {
  auto codes = path.extension() == ".npy" ? codes_of_npy(path, codebook_size)
                                          : codes_of_token_file(path, tokenizer_hash);
  if (codes.values.empty()) throw FileError(path, "holds no tokens");
  return codes;
}

}  // namespace tessera
