#include "engine/generator_packing.h"

#include <array>

#include "base/error.h"

namespace tessera {
namespace {

using kernels::WeightType;

constexpr std::size_t kPanel = kernels::kPanelOutputs;
constexpr const char* kFormatKey = "packed";
constexpr const char* kTypeKey = "weights";
// Raised whenever the kernels read another order of bytes.
constexpr const char* kFormat = "tessera.packed/1";
constexpr std::array<const char*, 4> kTypeNames = {"float32", "bf16", "int8", "int4"};

std::size_t panels_in(const MatrixLayout& layout) {
  return (layout.outputs() + kPanel - 1) / kPanel;
}

std::size_t bytes_of(const MatrixLayout& layout, WeightType type) {
  return kernels::packed_bytes(type, layout.outputs(), layout.inputs);
}

}  // namespace

PackedMatrices pack_matrices(const std::vector<MatrixLayout>& layouts, WeightType type,
                             const MatrixSource& source, ThreadPool& pool) {
  std::size_t total = 0, widest = 0;
  for (const auto& layout : layouts) {
    total += bytes_of(layout, type);
    widest = std::max(widest, layout.inputs);
  }
  PackedMatrices packed{AlignedBuffer(total), {}};
  std::vector<AlignedArray<float>> scratch;
  for (int thread = 0; thread < pool.threads(); ++thread) scratch.emplace_back(kPanel * widest);
  std::size_t at = 0;
  for (std::size_t matrix = 0; matrix < layouts.size(); ++matrix) {
    const std::size_t inputs = layouts[matrix].inputs, bytes = bytes_of(layouts[matrix], type),
                      panels = panels_in(layouts[matrix]);
    const auto read = source(matrix);
    pool.for_each(panels, [&](std::size_t panel, int thread) {
      const std::span<float> rows(scratch[static_cast<std::size_t>(thread)].data(),
                                  kPanel * inputs);
      read(panel, rows);
      kernels::pack_panel({type, kPanel, inputs, nullptr}, 0, rows.data(),
                          packed.bytes.data() + at + panel * (bytes / panels));
    });
    packed.matrices.push_back(packed.bytes.bytes().subspan(at, bytes));
    at += bytes;
  }
  return packed;
}

MatrixSource matrices_in(const SafetensorsFile& file, const std::vector<MatrixLayout>& layouts) {
  struct Sources {
    std::vector<FloatTensor> tensors;
    ~Sources() {
      for (const auto& tensor : tensors) tensor.forget();
    }
  };
  return [file, layouts](std::size_t index) -> PanelSource {
    const auto& layout = layouts[index];
    const auto sources = std::make_shared<Sources>();
    for (const auto& name : layout.sources)
      sources->tensors.emplace_back(file, name,
                                    std::vector{static_cast<std::int64_t>(layout.source_rows),
                                                static_cast<std::int64_t>(layout.inputs)});
    return [file, layout, sources](std::size_t panel, std::span<float> rows) {
      gather_panel(layout, sources->tensors, panel, rows);
      if (!all_finite(rows))
        throw FileError(file.path(), "tensor '" + layout.sources.front() +
                                         "' (or its partner) holds a value that is not finite");
    };
  };
}

std::map<std::string, std::string> packed_metadata(WeightType type) {
  return {{kFormatKey, kFormat}, {kTypeKey, name_of(type)}};
}

std::optional<WeightType> packed_type(const SafetensorsFile& file) {
  if (!file.metadata().contains(kFormatKey)) return std::nullopt;
  if (const auto& format = file.metadata_at(kFormatKey); format != kFormat)
    throw FileError(file.path(), kFormatKey, format, kFormat);
  return weight_type_named(file.metadata_at(kTypeKey), file.path().string() + ": weights");
}

std::vector<std::span<const std::byte>> packed_matrices(const SafetensorsFile& file,
                                                        const std::vector<MatrixLayout>& layouts,
                                                        WeightType type) {
  std::vector<std::span<const std::byte>> matrices;
  for (const auto& layout : layouts) {
    const auto& tensor = file.at(layout.name);
    const auto expected = bytes_of(layout, type);
    if (tensor.type != DType::U8 || tensor.bytes.size() != expected)
      throw FileError(file.path(), "tensor '" + layout.name + "'",
                      name_of(tensor.type) + " " + shape_text(tensor.shape),
                      "U8 [" + std::to_string(expected) + "]");
    if (reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % 64 != 0)
      throw FileError(file.path(), "tensor '" + layout.name +
                                       "' does not begin at a multiple of "
                                       "64 bytes");
    matrices.push_back(tensor.bytes);
  }
  return matrices;
}

const char* name_of(WeightType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

WeightType weight_type_named(const std::string& name, const std::string& where) {
  for (std::size_t type = 0; type < kTypeNames.size(); ++type)
    if (name == kTypeNames[type]) return static_cast<WeightType>(type);
  throw Error(where + " is '" + name + "', expected float32, bf16, int8 or int4");
}

}  // namespace tessera
