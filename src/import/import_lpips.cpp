#include "base/error.h"
#include "import/import_model.h"
#include "import/imported_folder.h"
#include "import/lpips_layout.h"

namespace tessera {
namespace {

std::vector<TensorToWrite> read_network(const FoundWeights& found) {
  return ForeignWeights(found, kVgg16).matched(vgg16_shapes());
}

std::vector<TensorToWrite> read_heads(const FoundWeights& found) {
  const bool plain = found.named.contains("lin0.weight");
  return ForeignWeights(found, kLpipsHeads,
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
  if (!holds(network, kVgg16)) std::swap(network, heads);
  const auto network_found = find_weights(network, kVgg16),
             heads_found = find_weights(heads, kLpipsHeads);
  auto weights = read_network(network_found);
  for (auto& head : read_heads(heads_found)) weights.push_back(std::move(head));
  auto result = write_imported_folder(options.out, {.kind = "lpips"}, weights,
                                      {network.source(), heads.source()});
  result["found"] = {report_found(network_found, options.quiet),
                     report_found(heads_found, options.quiet)};
  return result;
}

}  // namespace tessera
