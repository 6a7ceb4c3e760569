#include "samples/token_fit.h"

#include "base/class_names.h"
#include "base/error.h"
#include "base/progress.h"
#include "models/generator_folder.h"

namespace tessera {
namespace {

constexpr std::size_t kNamesShown = 8;

bool are_numbers(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] != std::to_string(i)) return false;
  return true;
}

// 3 classes, "cat", "cow", "dog"
std::string listed(const std::vector<std::string>& names) {
  std::string text = std::to_string(names.size()) + (names.size() == 1 ? " class" : " classes");
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i)
    text += ", " + nlohmann::json(names[i]).dump();
  return names.size() > kNamesShown ? text + ", ..." : text;
}

std::string grid_text(int rows, int columns) {
  return std::to_string(rows) + " x " + std::to_string(columns);
}

}  // namespace

GeneratorShape shape_of(const TokenFile& tokens) {
  return {.vocabulary = tokens.codebook_size(),
          .classes = static_cast<int>(tokens.class_names().size()),
          .grid_rows = tokens.header().grid_rows,
          .grid_columns = tokens.header().grid_columns};
}

void require_fit(const TokenFile& tokens, const GeneratorShape& shape,
                 const std::string& tokenizer_hash) {
  require_same_tokenizer(tokens.tokenizer_hash(), tokenizer_hash, tokens.path());
  const auto found = shape_of(tokens);
  if (found.grid_rows != shape.grid_rows || found.grid_columns != shape.grid_columns)
    throw FileError(tokens.path(), "tokens of an image",
                    grid_text(found.grid_rows, found.grid_columns),
                    grid_text(shape.grid_rows, shape.grid_columns) +
                        ", as the generator has learnt; encode with another --image-size");
  if (found.vocabulary != shape.vocabulary)
    throw FileError(tokens.path(), "codebook size", std::to_string(found.vocabulary),
                    "the generator's, " + std::to_string(shape.vocabulary));
  if (tokens.images() == 0 || tokens.crops() == 0)
    throw FileError(tokens.path(), "holds no tokens");
}

TokenFile matched_classes(const TokenFile& tokens, const std::vector<std::string>& class_names,
                          const std::string& whose) {
  const auto& found = tokens.class_names();
  if (found == class_names || (found.size() == class_names.size() && are_numbers(class_names)))
    return tokens;
  std::vector<std::string> missing;
  auto matched = tokens.with_classes(class_names, missing);
  if (!matched)
    throw FileError(
        tokens.path(), "classes", listed(found),
        whose + ", " + listed(class_names) + "; not among them: " + listed_names(missing));
  const auto mismatch = class_mismatch(whose, class_names, tokens.path().string(), found);
  if (!mismatch.empty()) say("warning: " + mismatch);
  return *matched;
}

}  // namespace tessera
