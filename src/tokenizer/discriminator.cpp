#include "tokenizer/discriminator.h"

#include "base/error.h"
#include "training/op_precision.h"

namespace tessera {
namespace {

constexpr int kKernel = 4;
constexpr double kNegativeSlope = 0.2;
constexpr double kInitialDeviation = 0.02;  // pix2pix, of convolutions and BatchNorm's weights
constexpr int kMostWidening = 8;            // no block is wider than this times the first

struct Shape {
  int channels, stride;
};

// Every convolution but the last, which gives the logits.
std::vector<Shape> shapes_of(int layers, int channels) {
  std::vector<Shape> shapes;
  for (int layer = 0; layer <= layers; ++layer)
    shapes.push_back({channels * std::min(1 << layer, kMostWidening), layer < layers ? 2 : 1});
  return shapes;
}

torch::nn::Conv2d patch_conv(int in_channels, const Shape& shape, bool bias) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in_channels, shape.channels, kKernel)
                             .stride(shape.stride)
                             .padding(1)
                             .bias(bias));
  torch::nn::init::normal_(conv->weight, 0, kInitialDeviation);
  return conv;
}

}  // namespace

DiscriminatorImpl::DiscriminatorImpl(int layers, int channels) {
  auto main = register_module("main", torch::nn::ModuleList());
  int width = 3;
  for (const auto& shape : shapes_of(layers, channels)) {
    const bool first = blocks_.empty();
    // A bias before BatchNorm would do nothing.
    auto& block = blocks_.emplace_back(Block{patch_conv(width, shape, /*bias=*/first)});
    main->push_back(block.conv);
    if (!first) {
      block.norm = torch::nn::BatchNorm2d(shape.channels);
      torch::nn::init::normal_(block.norm->weight, 1, kInitialDeviation);
      main->push_back(block.norm);
    }
    main->push_back(torch::nn::LeakyReLU());  // has no tensors, but LlamaGen's names count it
    width = shape.channels;
  }
  to_logits_ = patch_conv(width, {1, 1}, /*bias=*/true);
  main->push_back(to_logits_);
}

torch::Tensor DiscriminatorImpl::forward(const torch::Tensor& images) {
  TESSERA_CHECK(images.dim() == 4 && images.size(1) == 3);
  const auto type = statistics_type(images);
  auto x = images;  // [B, 3, H, W]
  for (auto& block : blocks_) {
    x = block.conv(x).to(type);  // [B, C, H / 2, W / 2]; the last block: [B, C, H - 1, W - 1]
    if (!block.norm.is_empty()) x = block.norm(x);
    x = torch::leaky_relu(x, kNegativeSlope);
  }
  return to_logits_(x).to(type);  // [B, 1, H - 1, W - 1]
}

void DiscriminatorImpl::freeze(bool frozen) {
  for (auto& parameter : parameters()) parameter.set_requires_grad(!frozen);
}

double discriminator_flops(int layers, int channels, int image_size) {
  double multiply_adds = 0;
  int side = image_size, width = 3;
  auto shapes = shapes_of(layers, channels);
  shapes.push_back({1, 1});
  for (const auto& shape : shapes) {
    side = shape.stride == 2 ? side / 2 : side - 1;
    multiply_adds += 1.0 * side * side * kKernel * kKernel * width * shape.channels;
    width = shape.channels;
  }
  return 2 * multiply_adds;
}

}  // namespace tessera
