#include "training/weights.h"

#include <sstream>

#include "base/error.h"

namespace tessera {
namespace {

std::string shape_text(torch::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

const std::vector<std::pair<DType, torch::ScalarType>> kTypes = {
    {DType::BOOL, torch::kBool}, {DType::U8, torch::kUInt8},    {DType::I8, torch::kInt8},
    {DType::I16, torch::kInt16}, {DType::F16, torch::kFloat16}, {DType::BF16, torch::kBFloat16},
    {DType::I32, torch::kInt32}, {DType::F32, torch::kFloat32}, {DType::F64, torch::kFloat64},
    {DType::I64, torch::kInt64}};

}  // namespace

TensorMap tensors_of(const torch::nn::Module& module) {
  TensorMap tensors;
  for (const auto& item : module.named_parameters()) tensors[item.key()] = item.value().detach();
  for (const auto& item : module.named_buffers()) tensors[item.key()] = item.value();
  return tensors;
}

void load_tensors(torch::nn::Module& module, const TensorMap& tensors, const std::string& where) {
  torch::NoGradGuard no_grad;
  auto own = tensors_of(module);
  for (auto& [name, tensor] : own) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw Error(where + ": tensor '" + name + "' is missing");
    if (found->second.sizes() != tensor.sizes())
      throw Error(where + ": tensor '" + name + "' is " + shape_text(found->second.sizes()) +
                  ", expected " + shape_text(tensor.sizes()));
    tensor.copy_(found->second);
  }
  for (const auto& [name, unused] : tensors)
    if (!own.contains(name)) throw Error(where + ": tensor '" + name + "' is not known");
}

void write_tensors(const fs::path& path, const TensorMap& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::vector<torch::Tensor> owned;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    const auto& plain = owned.emplace_back(tensor.detach().cpu().contiguous());
    const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& pair) {
      return pair.second == plain.scalar_type();
    });
    TESSERA_CHECK(type != kTypes.end());
    views.push_back({name,
                     type->first,
                     plain.sizes().vec(),
                     {static_cast<const std::byte*>(plain.data_ptr()), plain.nbytes()}});
  }
  write_safetensors(path, views, metadata);
}

TensorMap read_tensors(const SafetensorsFile& file) {
  TensorMap tensors;
  for (const auto& view : file.tensors()) {
    const auto type = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const auto& pair) { return pair.first == view.type; });
    if (type == kTypes.end())
      throw FileError(file.path(), "tensor '" + view.name + "'", name_of(view.type),
                      "a type that models use");
    auto tensor = torch::empty(view.shape, type->second);
    if (!view.bytes.empty()) std::memcpy(tensor.data_ptr(), view.bytes.data(), view.bytes.size());
    tensors[view.name] = tensor;
  }
  return tensors;
}

TensorMap without_prefix(const TensorMap& tensors, const std::string& prefix) {
  TensorMap kept;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix)) kept[name.substr(prefix.size())] = tensor;
  return kept;
}

void add_with_prefix(TensorMap& into, const TensorMap& tensors, const std::string& prefix) {
  for (const auto& [name, tensor] : tensors) into[prefix + name] = tensor;
}

std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace tessera
