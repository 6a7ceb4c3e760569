#include "import/foreign_weights.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/interrupt.h"

namespace tessera {
namespace {

constexpr std::int64_t kMostSide = 1 << 24;

// Why a tensor may have no place, for the kinds that exist.
std::string reason_for(const std::string& name) {
  if (name.find(".attn.") != std::string::npos)
    return ": attention is read at the lowest resolution only";
  if (name.starts_with("quantize."))
    return ": the quantizer is of another kind than nearest code (quantize.embedding.weight)";
  return "";
}

void refuse_not_finite(std::span<const float> values, const std::string& name,
                       const fs::path& path) {
  const auto found =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (found != values.end())
    throw FileError(
        path, "tensor '" + name + "': element " + std::to_string(found - values.begin()),
        std::isnan(*found) ? "not a number" : "infinite (in float32)", "a finite number");
}

}  // namespace

ForeignWeights::ForeignWeights(const FoundWeights& found, const Family& family,
                               NameInFile name_in_file)
    : path_(found.checkpoint->path()),
      prefix_(found.prefix),
      name_in_file_(std::move(name_in_file)) {
  const auto is_ignored = [&](const std::string& name) {
    return std::any_of(family.ignored.begin(), family.ignored.end(),
                       [&](const auto& start) { return name.starts_with(start); });
  };
  for (const auto& [name, tensor] : found.named)
    if (!is_ignored(name)) tensors_[name] = &tensor;
  for (const auto& [stored, type] : found.checkpoint->other_types()) {
    const auto name = stored.starts_with(prefix_) ? stored.substr(prefix_.size()) : stored;
    if (!is_ignored(name)) other_types_[name] = type;
  }
}

ForeignWeights::ForeignWeights(fs::path path, const StoredTensors& table)
    : path_(std::move(path)), name_in_file_(std::identity()) {
  for (const auto& [name, tensor] : table) tensors_[name] = &tensor;
}

bool ForeignWeights::has(const std::string& name) const {
  return tensors_.contains(name_in_file_(name));
}

void ForeignWeights::refuse_stored(const std::string& name, const std::string& problem) const {
  throw FileError(path_, "tensor '" + prefix_ + name + "' " + problem);
}

void ForeignWeights::refuse(const std::string& name, const std::string& problem) const {
  refuse_stored(name_in_file_(name), problem);
}

const StoredTensor& ForeignWeights::at(const std::string& name) const {
  const auto stored = name_in_file_(name);
  if (const auto found = tensors_.find(stored); found != tensors_.end()) return *found->second;
  if (const auto other = other_types_.find(stored); other != other_types_.end())
    refuse(name, "is of type " + other->second + ", expected F16, BF16, F32 or F64");
  refuse(name, "is missing");
}

const Shape& ForeignWeights::shape(const std::string& name, std::size_t rank) const {
  const auto& shape = at(name).shape;
  if (shape.size() != rank)
    refuse(name, "is " + shape_text(shape) + ", expected " + std::to_string(rank) + " axes");
  return shape;
}

int ForeignWeights::side(const std::string& name, std::size_t rank, std::size_t axis) const {
  const auto& sides = shape(name, rank);
  if (sides[axis] < 1 || sides[axis] > kMostSide)
    refuse(name,
           "is " + shape_text(sides) + ", expected sides from 1 to " + std::to_string(kMostSide));
  return static_cast<int>(sides[axis]);
}

int ForeignWeights::count(const std::function<std::string(int)>& name) const {
  int count = 0;
  while (has(name(count))) ++count;
  return count;
}

void ForeignWeights::refuse_unknown(const Shapes& expected) const {
  std::set<std::string> known;
  for (const auto& [name, unused] : expected) known.insert(name_in_file_(name));
  for (const auto& [name, unused] : tensors_)
    if (!known.contains(name)) refuse_stored(name, "is unknown" + reason_for(name));
  for (const auto& [name, type] : other_types_)
    refuse_stored(name, "is of type " + type + ", expected F16, BF16, F32 or F64");
}

std::vector<TensorToWrite> ForeignWeights::matched(const Shapes& expected) const {
  std::vector<TensorToWrite> weights;
  for (const auto& [name, sides] : expected) {
    const auto& tensor = at(name);
    if (tensor.shape != sides)
      refuse(name, "is " + shape_text(tensor.shape) + ", expected " + shape_text(sides));
    if (!is_floating(tensor.type))
      refuse(name, "is " + name_of(tensor.type) + ", expected floating point");
    weights.push_back({name, DType::F32, sides,
                       [&tensor, path = path_,
                        stored_name = prefix_ + name_in_file_(name)](std::vector<float>& buffer) {
                         stop_if_interrupted();
                         buffer = {};  // before the next is made: the largest takes 200 MB in a 3B
                         buffer = float_values(tensor);
                         forget_pages(tensor.bytes);
                         refuse_not_finite(buffer, stored_name, path);
                         return std::as_bytes(std::span(buffer));
                       }});
  }
  refuse_unknown(expected);
  return weights;
}

}  // namespace tessera
