#include "base/error.h"
#include "import/import_model.h"
#include "import/imported_folder.h"
#include "import/lpips_layout.h"

namespace tessera {
namespace {

constexpr const char* kFirstConvolution = "features.0.weight";

const StoredTensors& table_of(const Checkpoint& checkpoint) {
  return checkpoint.table({"", "state_dict", "model"});
}

std::vector<TensorToWrite> read_network(const Checkpoint& checkpoint) {
  return ForeignWeights(checkpoint.path(), table_of(checkpoint), {"classifier."})
      .matched(vgg16_shapes());
}

std::vector<TensorToWrite> read_heads(const Checkpoint& checkpoint) {
  const auto& table = table_of(checkpoint);
  const bool plain = table.contains("lin0.weight");
  return ForeignWeights(checkpoint.path(), table, {},
                        plain ? NameInFile(std::identity()) : NameInFile(lpips_name))
      .matched(lpips_head_shapes());
}

}  // namespace

nlohmann::json import_vgg16_lpips(const ImportOptions& options) {
  require_new_folder(options.out);
  if (options.files.size() != 2)
    throw Error("there are " + std::to_string(options.files.size()) +
                " files, expected two: VGG16's weights and LPIPS' heads for it");
  auto network = Checkpoint::open(options.files[0]), heads = Checkpoint::open(options.files[1]);
  if (!table_of(network).contains(kFirstConvolution)) std::swap(network, heads);
  auto weights = read_network(network);
  for (auto& head : read_heads(heads)) weights.push_back(std::move(head));
  return write_imported_folder(options.out, {.kind = "lpips"}, weights,
                               {network.source(), heads.source()});
}

}  // namespace tessera
