#include "features/feature_trainer.h"

#include "base/random.h"
#include "training/device.h"
#include "training/schedule.h"

namespace tessera {
namespace {

constexpr int kRotations = 4;
constexpr int kValidImages = 5000;  // standard error of an accuracy of 0.8: 0.6%
constexpr int kWarmupSteps = 50;
constexpr double kLabelSmoothing = 0.1;
constexpr double kWeightDecay = 0.05;

}  // namespace

void turn_images(torch::Tensor& images, const torch::Tensor& quarters) {
  for (int turns = 1; turns < kRotations; ++turns) {
    const auto chosen = (quarters == turns).nonzero().squeeze(1);
    images.index_copy_(0, chosen, torch::rot90(images.index_select(0, chosen), turns, {2, 3}));
  }
}

FeatureTrainer::FeatureTrainer(std::shared_ptr<const ImageSet> train,
                               std::shared_ptr<const ImageSet> valid, ModelConfig config, int width,
                               const FeatureTraining& training, const torch::Device& device)
    : train_(std::move(train)),
      valid_(std::move(valid)),
      config_(std::move(config)),
      training_(training),
      device_(device),
      rotations_(train_->class_names().size() < 2) {
  const auto classes = static_cast<int>(train_->class_names().size());
  shape_ = {width, FeatureShape::levels_for(data().image_size), rotations_ ? kRotations : classes};
  torch::manual_seed(mix({training_.seed, 0xfea7}));
  model_ = FeatureClassifier(shape_);
  model_->to(device_);
  optimizer_.emplace(*model_, AdamWOptions{.beta2 = 0.99, .weight_decay = kWeightDecay});
}

// A random crop of the image padded by a sixteenth with its mirror image; the loader has already
// flipped it.
torch::Tensor FeatureTrainer::augment(const torch::Tensor& images) const {  // [B, 3, H, W]
  const std::int64_t side = images.size(2), margin = std::max<std::int64_t>(1, side / 16);
  const auto padded = torch::reflection_pad2d(images, {margin, margin, margin, margin});
  const auto offsets = torch::randint(2 * margin + 1, {images.size(0), 2}, torch::kInt64);
  const auto* offset = offsets.data_ptr<std::int64_t>();
  auto result = torch::empty_like(images);
  for (std::int64_t i = 0; i < images.size(0); ++i)
    result[i].copy_(padded[i].narrow(1, offset[2 * i], side).narrow(2, offset[2 * i + 1], side));
  return result;
}

Progress::Values FeatureTrainer::step(std::int64_t step, bool report) {
  if (!loader_) loader_.emplace(train_, data(), training_.batch_size, training_.seed, step);
  const auto batch = loader_->next();
  auto images = augment(image_tensor(batch, device_));
  auto labels = label_tensor(batch, device_);
  if (rotations_) {
    labels = torch::randint(kRotations, {images.size(0)}, torch::kInt64).to(device_);
    turn_images(images, labels);
  }
  model_->train();
  torch::Tensor logits;
  {
    const Autocast autocast(training_.bf16, device_);
    logits = model_(images);
  }
  const auto loss = torch::nn::functional::cross_entropy(
      logits, labels,
      torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(kLabelSmoothing));
  optimizer_->zero_gradients();
  loss.backward();
  const double norm = optimizer_->clip_gradients(5.0);
  // A straight fall to 0 over the whole run suits so short a training.
  optimizer_->step(
      learning_rate_at(step, training_.steps, training_.learning_rate, kWarmupSteps, 0.9));
  if (!report) return {};
  return {{"loss", loss.item<double>()},
          {"accuracy", (logits.argmax(1) == labels).to(torch::kFloat32).mean().item<double>()},
          {"gradient", norm}};
}

nlohmann::json FeatureTrainer::validate() {
  if (!valid_) return nlohmann::json::object();
  const FeatureNet net(shape_, model_->folded(), "");
  torch::NoGradGuard no_grad;
  std::int64_t correct = 0, count = 0;
  for_each_batch(*valid_, data(), 250, kValidImages, [&](const ImageBatch& batch) {
    auto images = image_tensor(batch, device_);
    auto labels = label_tensor(batch, device_);
    if (rotations_) {
      labels = torch::arange(count, count + images.size(0)).remainder(kRotations).to(device_);
      turn_images(images, labels);
    }
    correct += (net.logits(images).argmax(1) == labels).sum().item<std::int64_t>();
    count += images.size(0);
  });
  accuracy_ = static_cast<double>(correct) / static_cast<double>(count);
  return {{"accuracy", accuracy_}, {"images", count}};
}

TensorMap FeatureTrainer::state() const {
  TensorMap state{{"accuracy", torch::tensor({accuracy_}, torch::kFloat64)}};
  add_with_prefix(state, tensors_of(*model_), "model.");
  add_with_prefix(state, optimizer_->state(), "optimizer.");
  return state;
}

void FeatureTrainer::load_state(const TensorMap& state, const std::string& where) {
  load_tensors(*model_, without_prefix(state, "model."), where);
  optimizer_->load_state(without_prefix(state, "optimizer."), where);
  if (const auto found = state.find("accuracy"); found != state.end())
    accuracy_ = found->second.item<double>();
}

void FeatureTrainer::write_model(const fs::path& folder) const {
  auto config = config_;
  config.extra = {{"task", task()},
                  {"width", shape_.width},
                  {"levels", shape_.levels},
                  {"outputs", shape_.outputs},
                  {"valid_accuracy", accuracy_}};
  write_model_folder(folder, config, model_->folded());
}

}  // namespace tessera
