// tokens/ holds the file that joins the two halves: what a tokenizer made of each image, for a
// generator to learn.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "formats/safetensors.h"

namespace tessera {

/// What a token file says about its tokens (docs/formats/tokens.md).
struct TokenHeader {
  int grid_rows = 0, grid_columns = 0;  ///< tokens per image side; a sequence runs along the rows
  int codebook_size = 0;                ///< distinct tokens
  std::string tokenizer_hash;           ///< SHA-256 of the tokenizer's model.safetensors
  std::vector<std::string> class_names;
  nlohmann::json made_by;  ///< see base/version.h
  std::string data;        ///< the images that were encoded, in words

  int tokens_per_image() const { return grid_rows * grid_columns; }
};

/// Tokens in memory, to be written.
struct TokenSet {
  TokenHeader header;
  std::int64_t crops = 1;            ///< encodings per image, each of another crop
  std::vector<std::int32_t> codes;   ///< [images, crops, T]
  std::vector<std::int32_t> labels;  ///< [images]
};

/// A token file mapped into memory. Every code and label has been checked against its range. Copies
/// share the mapping.
class TokenFile {
 public:
  /// Throws FileError naming the field that is wrong.
  static TokenFile open(const fs::path& path);

  const fs::path& path() const { return file_->path(); }
  const TokenHeader& header() const { return header_; }
  std::int64_t images() const { return images_; }
  std::int64_t crops() const { return crops_; }
  int tokens_per_image() const { return header_.tokens_per_image(); }
  int codebook_size() const { return header_.codebook_size; }
  const std::string& tokenizer_hash() const { return header_.tokenizer_hash; }
  const std::vector<std::string>& class_names() const { return header_.class_names; }

  int code(std::int64_t image, std::int64_t crop, int position) const;
  int label(std::int64_t image) const;
  /// The same tokens with labels as places in `class_names`, matched by name (base/class_names.h).
  /// Classes of images that are not among them are added to `missing`; with any, nothing.
  std::optional<TokenFile> with_classes(const std::vector<std::string>& class_names,
                                        std::vector<std::string>& missing) const;
  /// Copies one sequence; `codes` has tokens_per_image() places.
  void read_codes(std::int64_t image, std::int64_t crop, std::span<std::int64_t> codes) const;

 private:
  void check_values() const;

  std::optional<SafetensorsFile> file_;
  TokenHeader header_;
  std::int64_t images_ = 0, crops_ = 0;
  DType code_type_ = DType::U16;
  std::span<const std::byte> codes_, labels_;
  std::vector<int> class_places_;  // by stored label; empty: labels are as they are stored
};

/// Writes u16 codes if the codebook has at most 65536, i32 otherwise; whole or not at all.
void write_tokens(const fs::path& path, const TokenSet& tokens);

}  // namespace tessera
