#include "formats/pytorch_tables.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostEntries = 2'000'000;  // met on the walk, shared ones each time
constexpr int kMostDepth = 16;

std::optional<std::int64_t> integer_of(const Pickle& pickle, PickleId id) {
  const auto& value = pickle[id];
  return value.kind == Kind::integer ? std::optional(value.integer) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> integers_of(const Pickle& pickle, PickleId id) {
  if (pickle[id].kind != Kind::sequence) return std::nullopt;
  std::vector<std::int64_t> values;
  for (const auto item : pickle.sequence(id)) {
    const auto value = integer_of(pickle, item);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::string_view after_space(std::string_view name) { return name.substr(name.find(' ') + 1); }

std::optional<DType> type_of_torch_dtype(std::string_view name) {
  static const std::map<std::string_view, DType> types = {
      {"bool", DType::BOOL},     {"uint8", DType::U8},  {"int8", DType::I8},
      {"uint16", DType::U16},    {"int16", DType::I16}, {"float16", DType::F16},
      {"bfloat16", DType::BF16}, {"int32", DType::I32}, {"float32", DType::F32},
      {"float64", DType::F64},   {"int64", DType::I64}};
  const auto found = types.find(name);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

// What a tensor is made of, as the pickle says it; nothing has been checked.
struct Recipe {
  PytorchStorage storage;
  DType type;
  std::int64_t offset;  // elements
  std::vector<std::int64_t> shape, strides;
};

// The function that makes a tensor, and its arguments, without the wrappers of parameters and
// subclasses.
std::pair<std::string_view, std::span<const PickleId>> maker_of(const Pickle& pickle, PickleId id) {
  for (int depth = 0; depth < kMostDepth; ++depth) {
    const auto name = pickle.callee(id);
    if (name.empty()) break;
    const auto arguments = pickle.sequence(pickle[id].arguments);
    if (name.starts_with("torch._utils _rebuild_parameter") && !arguments.empty())
      id = arguments[0];  // (tensor, requires_grad, hooks ..)
    else if (name == "torch._tensor _rebuild_from_type_v2" && arguments.size() >= 3)
      return {pickle.text(arguments[0]), pickle.sequence(arguments[2])};  // (function, class, ..)
    else
      return {name, arguments};
  }
  return {};
}

// Nothing if the value is no tensor, or of a kind that models do not use (sparse, quantized,
// complex).
std::optional<Recipe> recipe_of(const Pickle& pickle, PickleId id) {
  const auto [maker, arguments] = maker_of(pickle, id);
  const bool third = maker == "torch._utils _rebuild_tensor_v3";
  if (!third && maker != "torch._utils _rebuild_tensor_v2" &&
      maker != "torch._utils _rebuild_tensor")
    return std::nullopt;
  if (arguments.size() < (third ? 7u : 4u)) return std::nullopt;
  const auto storage = storage_of(pickle, arguments[0]);
  const auto offset = integer_of(pickle, arguments[1]);
  const auto shape = integers_of(pickle, arguments[2]), strides = integers_of(pickle, arguments[3]);
  if (!storage || !offset || !shape || !strides) return std::nullopt;
  const auto type = third ? type_of_torch_dtype(after_space(pickle.text(arguments[6])))
                          : type_of_storage(storage->type);
  if (!type) return std::nullopt;
  return Recipe{*storage, *type, *offset, *shape, *strides};
}

// The element after the last that the tensor touches, counted from its first; nothing on overflow
// or a negative number.
std::optional<std::int64_t> extent_of(const Recipe& recipe) {
  std::int64_t extent = 1;
  if (recipe.shape.size() != recipe.strides.size()) return std::nullopt;
  for (std::size_t axis = 0; axis < recipe.shape.size(); ++axis) {
    const auto side = recipe.shape[axis], stride = recipe.strides[axis];
    std::int64_t reach = 0;
    if (side < 0 || stride < 0 || (side > 0 && __builtin_mul_overflow(side - 1, stride, &reach)) ||
        __builtin_add_overflow(extent, reach, &extent))
      return std::nullopt;
  }
  return std::count(recipe.shape.begin(), recipe.shape.end(), 0) ? 0 : extent;
}

StoredTensor stored(Recipe recipe, std::span<const std::byte> storage, const std::string& name,
                    const fs::path& path) {
  const auto refuse = [&](const std::string& problem) {
    throw FileError(path, "tensor " + json_text(name) + " " + shape_text(recipe.shape) +
                              " with strides " + shape_text(recipe.strides) + " " + problem);
  };
  const auto width = static_cast<std::int64_t>(size_of(recipe.type));
  const auto elements = static_cast<std::int64_t>(storage.size()) / width;
  const auto extent = extent_of(recipe);
  std::int64_t begin = 0, end = 0;
  if (!extent || recipe.offset < 0 ||
      __builtin_add_overflow(recipe.offset, recipe.storage.view_begin, &begin) ||
      __builtin_add_overflow(begin, *extent, &end) || begin < 0 || end > elements)
    refuse("from element " + std::to_string(recipe.offset) + " does not fit its storage of " +
           std::to_string(elements));
  const auto needed = bytes_needed(recipe.type, recipe.shape);
  if (!needed || *needed > storage.size())
    refuse("repeats the elements of its storage, which no weights do");
  for (std::size_t axis = 0; axis < recipe.shape.size(); ++axis)
    if (recipe.shape[axis] <= 1) recipe.strides[axis] = 0;  // never taken
  return {recipe.type, std::move(recipe.shape), std::move(recipe.strides),
          storage.subspan(static_cast<std::size_t>(begin * width),
                          static_cast<std::size_t>(*extent * width))};
}

class Walk {
 public:
  Walk(const Pickle& pickle, const StorageFinder& find, const fs::path& path)
      : pickle_(pickle), find_(find), path_(path) {}

  std::map<std::string, StoredTensors> tables() {
    visit(pickle_.root(), "", 0);
    return std::move(tables_);
  }

 private:
  // Key, value, key, value .. of a dictionary or what a class makes into one; else nothing.
  std::vector<PickleId> entries_of(PickleId id) const {
    const auto& value = pickle_[id];
    if (value.kind == Kind::mapping) return value.items;
    if (value.kind != Kind::object) return {};
    auto entries = value.items;
    // Python 2 wrote OrderedDict([[key, value], ..]).
    if (pickle_.callee(id) == "collections OrderedDict")
      for (const auto list : pickle_.sequence(value.arguments))
        for (const auto pair : pickle_.sequence(list))
          if (const auto items = pickle_.sequence(pair); items.size() == 2)
            entries.insert(entries.end(), items.begin(), items.end());
    if (entries.size() % 2) entries.clear();
    return entries;
  }

  void visit(PickleId id, const std::string& table, int depth) {
    const auto entries = entries_of(id);
    entries_ += entries.size();
    if (depth > kMostDepth || entries_ > kMostEntries)
      throw FileError(path_, "nests dictionaries deeper or wider than checkpoints do");
    for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
      const auto number = integer_of(pickle_, entries[i]);
      const std::string key =
          number ? std::to_string(*number) : std::string(pickle_.text(entries[i]));
      const std::string place = table.empty() ? key : table + "/" + key;
      if (const auto recipe = recipe_of(pickle_, entries[i + 1]))
        tables_[table].insert_or_assign(key, stored(*recipe, find_(recipe->storage), place, path_));
      else
        visit(entries[i + 1], place, depth + 1);
    }
  }

  const Pickle& pickle_;
  const StorageFinder& find_;
  const fs::path& path_;
  std::map<std::string, StoredTensors> tables_;
  std::size_t entries_ = 0;
};

}  // namespace

std::optional<DType> type_of_storage(const std::string& storage_class) {
  static const std::map<std::string, DType> types = {
      {"BoolStorage", DType::BOOL},  {"ByteStorage", DType::U8},
      {"UntypedStorage", DType::U8}, {"CharStorage", DType::I8},
      {"ShortStorage", DType::I16},  {"HalfStorage", DType::F16},
      {"IntStorage", DType::I32},    {"BFloat16Storage", DType::BF16},
      {"FloatStorage", DType::F32},  {"DoubleStorage", DType::F64},
      {"LongStorage", DType::I64}};
  const auto found = types.find(storage_class);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

std::optional<PytorchStorage> storage_of(const Pickle& pickle, PickleId id) {
  if (pickle[id].kind != Kind::persistent) return std::nullopt;
  // ("storage", class, key, device, elements), and in the old form (key, begin, elements) of a view
  const auto parts = pickle.sequence(pickle[id].arguments);
  if (parts.size() < 5 || pickle.text(parts[0]) != "storage") return std::nullopt;
  const auto elements = integer_of(pickle, parts[4]);
  if (!elements) return std::nullopt;
  PytorchStorage storage{std::string(pickle.text(parts[2])),
                         std::string(after_space(pickle.text(parts[1]))), *elements};
  if (parts.size() > 5)
    if (const auto view = pickle.sequence(parts[5]); view.size() == 3)
      storage.view_begin = integer_of(pickle, view[1]).value_or(-1);
  return storage;
}

std::map<std::string, StoredTensors> find_tables(const Pickle& pickle, const StorageFinder& find,
                                                 const fs::path& path) {
  return Walk(pickle, find, path).tables();
}

}  // namespace tessera
