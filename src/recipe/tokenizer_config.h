#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tessera {

/// How codes learn: by gradient (the codebook loss) or as moving averages of the latents that chose
/// them.
enum class QuantizerKind { vq, ema };
constexpr std::array<std::string_view, 2> choice_names(QuantizerKind) { return {"vq", "ema"}; }

/// How the decoder's gradient crosses the quantizer.
enum class CodeGradient { straight_through, rotation };
constexpr std::array<std::string_view, 2> choice_names(CodeGradient) {
  return {"straight_through", "rotation"};
}

/// Table [tokenizer]: the shape of the VQ tokenizer (LlamaGen's design at any size).
struct TokenizerConfig {
  int channels = 128;
  std::vector<int> multipliers = {1, 1, 2, 2, 4};
  int encoder_blocks = 2;
  int decoder_channels = 0;
  int decoder_blocks = 3;
  int latent_channels = 256;
  int codebook_size = 16384;
  int code_size = 8;
  QuantizerKind quantizer = QuantizerKind::vq;
  bool l2_normalised = true;
  double codebook_decay = 0.99;
  CodeGradient gradient = CodeGradient::straight_through;

  void visit(auto&& field) {
    field("channels", channels, "width of the first level; a multiple of 32");
    field("multipliers", multipliers,
          "width of each level in units of channels; each level after the first halves the image");
    field("encoder_blocks", encoder_blocks, "residual blocks per encoder level");
    field("decoder_channels", decoder_channels, "width of the decoder; 0 is the encoder's");
    field("decoder_blocks", decoder_blocks, "residual blocks per decoder level");
    field("latent_channels", latent_channels, "channels between encoder and code projection");
    field("codebook_size", codebook_size, "distinct tokens");
    field("code_size", code_size, "numbers per code");
    field("quantizer", quantizer,
          "how codes learn: by gradient of the codebook loss (LlamaGen with l2_normalised, VQGAN "
          "without), or as exponential moving averages of the latents that chose them (VQ-VAE)");
    field("l2_normalised", l2_normalised, "latents and codes live on the unit sphere (LlamaGen)");
    field("codebook_decay", codebook_decay,
          "quantizer ema: share of its statistics that a code keeps at each step");
    field("gradient", gradient,
          "how the decoder's gradient reaches the latents: unchanged, or by the rotation and "
          "rescaling that takes each latent to its code");
  }
  /// Pixels per token side: 2^(levels - 1).
  int downsampling() const { return 1 << (multipliers.size() - 1); }
  int decoder_width() const { return decoder_channels > 0 ? decoder_channels : channels; }
  void validate(int image_size) const;
};

/// A latent before quantization, or the code that replaces it with its gradient passed through.
enum class RegularizedLatents { continuous, quantized };
constexpr std::array<std::string_view, 2> choice_names(RegularizedLatents) {
  return {"continuous", "quantized"};
}

/// The tensor before quantization that the regularizer acts on: the latents that the quantizer
/// compares with its codes, the projection that they are before normalisation, or the encoder's
/// output before the projection.
enum class RegularizerAttach { code, projection, features };
constexpr std::array<std::string_view, 3> choice_names(RegularizerAttach) {
  return {"code", "projection", "features"};
}

/// Over the dimensions of a latent.
enum class RegularizerReduction { mean, sum };
constexpr std::array<std::string_view, 2> choice_names(RegularizerReduction) {
  return {"mean", "sum"};
}

/// The order of tokens: the generator's, or a random permutation.
enum class RegularizerOrder { raster, shuffled };
constexpr std::array<std::string_view, 2> choice_names(RegularizerOrder) {
  return {"raster", "shuffled"};
}

/// What the causal transformer predicts: the next latent (squared error) or the next code's index.
enum class RegularizerLoss { l2, cross_entropy };
constexpr std::array<std::string_view, 2> choice_names(RegularizerLoss) {
  return {"l2", "cross_entropy"};
}

/// Table [regularizer]: causally regularized tokenization (arXiv 2412.16326) and its variants.
struct RegularizerConfig {
  double weight = 0.0;
  RegularizerLoss loss = RegularizerLoss::l2;
  RegularizedLatents input = RegularizedLatents::quantized;
  RegularizedLatents target = RegularizedLatents::continuous;
  RegularizerAttach attach = RegularizerAttach::code;
  bool detach_target = false;
  bool variance_normalised = true;
  RegularizerReduction reduction = RegularizerReduction::mean;
  RegularizerOrder order = RegularizerOrder::raster;
  int start_step = 0;
  int anneal_steps = 1000;
  int depth = 2;
  int width = 64;
  int heads = 2;
  double learning_rate = 1e-3;
  double weight_decay = 0.05;
  bool match_flops = true;

  void visit(auto&& field) {
    field("weight", weight, "factor of the next-latent loss; 0 trains the plain tokenizer");
    field(
        "loss", loss,
        "squared error of the next latent (the paper), or cross-entropy of the next code's index");
    field("input", input,
          "what the causal transformer reads: continuous latents (the paper) or straight-through "
          "quantized ones");
    field("target", target,
          "loss l2: what is predicted, the next latent before quantization (the paper) or after");
    field(
        "attach", attach,
        "what `continuous` is in input and target: the latents that are compared with codes (unit "
        "vectors where tokenizer.l2_normalised is on), their projection before normalisation, or "
        "the encoder's latent_channels features before the projection; the paper leaves it open");
    field("detach_target", detach_target,
          "loss l2: stop the gradient through the predicted latent");
    field(
        "variance_normalised", variance_normalised,
        "loss l2: divide it by the latents' own variance, so that it cannot fall by bunching them");
    field(
        "reduction", reduction,
        "loss l2 without variance_normalised: mean or sum of squared errors over the dimensions of "
        "a latent; the paper leaves it open");
    field("order", order,
          "raster, as the generator reads, or shuffled: one permutation for the whole run, drawn "
          "from its seed, as a control of what order contributes");
    field("start_step", start_step, "first step at which the weight rises from 0");
    field("anneal_steps", anneal_steps,
          "steps in which the weight rises smoothly to its full value");
    field("depth", depth, "layers of the causal transformer");
    field("width", width, "channels of the causal transformer");
    field("heads", heads, "attention heads of the causal transformer");
    field("learning_rate", learning_rate, "its own AdamW's");
    field("weight_decay", weight_decay, "its own AdamW's");
    field("match_flops", match_flops,
          "take fewer tokenizer steps, by the regularizer's counted share of the FLOPs");
  }
  bool on() const { return weight > 0; }
  /// Channels of what the causal transformer reads.
  int input_channels(const TokenizerConfig& tokenizer) const;
  /// Channels of what it predicts.
  int output_channels(const TokenizerConfig& tokenizer) const;
  void validate() const;
};

enum class Precision { automatic, float32, bf16 };
constexpr std::array<std::string_view, 3> choice_names(Precision) {
  return {"auto", "float32", "bf16"};
}

/// The network of the perceptual loss: learnt by `train features`, or LPIPS.
enum class Perceptual { features, lpips };
constexpr std::array<std::string_view, 2> choice_names(Perceptual) { return {"features", "lpips"}; }

/// What discriminator and tokenizer play for (tokenizer/adversarial_loss.h).
enum class AdversarialLoss { hinge, vanilla, non_saturating };
constexpr std::array<std::string_view, 3> choice_names(AdversarialLoss) {
  return {"hinge", "vanilla", "non_saturating"};
}

/// Table [tokenizer_training].
struct TokenizerTrainingConfig {
  int steps = 10000;
  int batch_size = 128;
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0.0;
  int warmup_steps = 100;
  double decay_fraction = 0.2;
  double clip_norm = 1.0;
  double l1_weight = 0.0;
  double l2_weight = 1.0;
  double perceptual_weight = 1.0;
  Perceptual perceptual = Perceptual::features;
  double adversarial_weight = 0.0;
  AdversarialLoss adversarial_loss = AdversarialLoss::hinge;
  bool adaptive_weight = false;
  int adversarial_start = 0;
  int discriminator_warmup_steps = 0;
  int adversarial_anneal_steps = 1000;
  double lecam_weight = 0.0;
  int discriminator_layers = 3;
  int discriminator_channels = 64;
  double discriminator_learning_rate = 1e-4;
  double discriminator_beta1 = 0.9;
  double discriminator_beta2 = 0.95;
  int roll_backs = 5;
  double codebook_weight = 1.0;
  double commitment_weight = 0.25;
  double entropy_weight = 0.0;
  double entropy_temperature = 0.01;
  int revive_every = 20;
  double revive_until = 0.8;
  double decoder_only_fraction = 0.0;
  double ema_decay = 0.0;
  int accumulate = 1;
  bool checkpoint_activations = false;
  int log_every = 20;
  int valid_every = 500;
  int valid_images = 1000;
  int checkpoint_every = 500;
  Precision precision = Precision::automatic;

  void visit(auto&& field) {
    field("steps", steps, "optimizer steps");
    field("batch_size", batch_size, "images per step");
    field("learning_rate", learning_rate, "peak rate of AdamW");
    field("beta1", beta1, "AdamW's first moment");
    field("beta2", beta2, "AdamW's second moment");
    field("weight_decay", weight_decay, "on matrices and convolutions only");
    field("warmup_steps", warmup_steps, "steps in which the rate rises linearly");
    field("decay_fraction", decay_fraction,
          "last share of the steps, in which the rate falls linearly to 0");
    field("clip_norm", clip_norm, "gradients are scaled down to this norm");
    field("l1_weight", l1_weight, "mean absolute pixel error, pixels in [-1, 1]");
    field("l2_weight", l2_weight, "mean squared pixel error");
    field("perceptual_weight", perceptual_weight,
          "distance in the features of --features DIR; without such a folder it must be 0");
    field("perceptual", perceptual,
          "what --features DIR holds: a network of `train features`, or LPIPS (VGG16 with the "
          "published heads)");
    field("adversarial_weight", adversarial_weight,
          "factor of the loss that a patch discriminator gives the decoder; 0 trains without one");
    field("adversarial_loss", adversarial_loss, "what discriminator and tokenizer play for");
    field("adaptive_weight", adaptive_weight,
          "multiply adversarial_weight by the ratio of the reconstruction's gradient to the "
          "adversarial one at the decoder's last layer (VQGAN)");
    field("adversarial_start", adversarial_start, "first step at which the discriminator learns");
    field("discriminator_warmup_steps", discriminator_warmup_steps,
          "steps in which the discriminator learns alone, before the tokenizer feels it");
    field("adversarial_anneal_steps", adversarial_anneal_steps,
          "steps in which adversarial_weight then rises smoothly to its full value");
    field("lecam_weight", lecam_weight,
          "keeps the discriminator's logits near their running means (LeCam), for small data; "
          "0 is off");
    field("discriminator_layers", discriminator_layers,
          "convolutions that halve the image; more see larger patches, and 2^layers x 3 pixels is "
          "the smallest image");
    field("discriminator_channels", discriminator_channels,
          "width of the discriminator's first layer");
    field("discriminator_learning_rate", discriminator_learning_rate, "its own AdamW's");
    field("discriminator_beta1", discriminator_beta1, "its own AdamW's");
    field("discriminator_beta2", discriminator_beta2, "its own AdamW's");
    field("roll_backs", roll_backs,
          "times that diverged training goes back to the last good checkpoint and lowers the "
          "cause; 0 stops it at once");
    field("codebook_weight", codebook_weight,
          "pulls codes towards latents; with tokenizer.quantizer = ema their statistics do");
    field("commitment_weight", commitment_weight, "pulls latents towards codes (beta of VQ-VAE)");
    field("entropy_weight", entropy_weight,
          "makes each latent sure of its code and all codes equally used (LlamaGen, MaskGIT); 0 is "
          "off");
    field("entropy_temperature", entropy_temperature,
          "of the soft choice softmax(-distance / temperature) that the entropy loss measures");
    field("revive_every", revive_every,
          "steps between moves of unused codes onto latents; 0 is never");
    field("revive_until", revive_until, "share of the steps after which codes are left alone");
    field("decoder_only_fraction", decoder_only_fraction,
          "last share of the steps, in which encoder and codebook are frozen and the decoder is "
          "finished alone");
    field(
        "ema_decay", ema_decay,
        "the model written and validated is a moving average of the weights with this decay, such "
        "as 0.999; 0 is the weights themselves");
    field("accumulate", accumulate,
          "parts that a step's images are taken in, one after the other, to need less memory");
    field("checkpoint_activations", checkpoint_activations,
          "compute each level again for its gradient instead of keeping what it computed: slower, "
          "less memory");
    field("log_every", log_every, "steps between lines of metrics.jsonl");
    field("valid_every", valid_every, "steps between measurements on held-out images");
    field("valid_images", valid_images, "held-out images measured each time, at most");
    field("checkpoint_every", checkpoint_every, "steps between checkpoints");
    field("precision", precision,
          "auto is bf16 autocast where the processor has bf16 dot products");
  }
  /// First step at which the tokenizer feels the discriminator.
  std::int64_t adversarial_felt() const {
    return std::int64_t{adversarial_start} + discriminator_warmup_steps;
  }
  /// The discriminator judges this many patches a side; 0 if the image is too small for it.
  int discriminator_patches(int image_size) const;
  void validate() const;
};

}  // namespace tessera
