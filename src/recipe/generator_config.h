#pragma once

#include <string>

#include "recipe/tokenizer_config.h"

namespace tessera {

/// Table [generator]: the shape of LlamaGen's transformer.
struct GeneratorConfig {
  int layers = 12;
  int heads = 12;
  int dim = 768;
  int ffn_multiple = 256;
  bool qk_norm = true;
  double rope_base = 10000;
  double norm_epsilon = 1e-5;

  void visit(auto&& field) {
    field("layers", layers, "transformer blocks");
    field("heads", heads, "attention heads; dim / heads must be a multiple of 4");
    field("dim", dim, "channels");
    field("ffn_multiple", ffn_multiple,
          "the feed-forward width, 8/3 of dim, is rounded up to a multiple of this");
    field("qk_norm", qk_norm, "normalise queries and keys (the paper); off is LlamaGen's own form");
    field("rope_base", rope_base, "base of the rotary position angles");
    field("norm_epsilon", norm_epsilon, "added to the mean square in RMSNorm");
  }
  /// Feed-forward width: 2/3 * 4 * dim rounded up to a multiple of ffn_multiple.
  int ffn_dim() const;
  void validate() const;
};

enum class Schedule { constant, cosine };
constexpr std::array<std::string_view, 2> choice_names(Schedule) { return {"constant", "cosine"}; }

/// Table [generator_training].
struct GeneratorTrainingConfig {
  int steps = 10000;
  int batch_size = 256;
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0.05;
  Schedule schedule = Schedule::constant;
  int warmup_steps = 100;
  double decay_fraction = 0.2;
  double clip_norm = 1.0;
  double class_dropout = 0.1;
  double token_dropout = 0.1;
  double residual_dropout = 0.1;
  double ffn_dropout = 0.1;
  double drop_path = 0.0;
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
    field("batch_size", batch_size, "sequences per step");
    field("learning_rate", learning_rate, "peak rate of AdamW");
    field("beta1", beta1, "AdamW's first moment");
    field("beta2", beta2, "AdamW's second moment");
    field("weight_decay", weight_decay, "on tensors of two and more dimensions only");
    field("schedule", schedule,
          "after warm-up: constant with a linear decay at the end, or cosine");
    field("warmup_steps", warmup_steps, "steps in which the rate rises linearly");
    field("decay_fraction", decay_fraction,
          "constant: last share of the steps, in which the rate falls linearly to 0");
    field("clip_norm", clip_norm, "gradients are scaled down to this norm");
    field("class_dropout", class_dropout,
          "share of sequences that see the null class, which guidance needs");
    field("token_dropout", token_dropout, "dropout on token embeddings");
    field("residual_dropout", residual_dropout, "dropout on what attention adds");
    field("ffn_dropout", ffn_dropout, "dropout on what the feed-forward layer adds");
    field("drop_path", drop_path,
          "share of sequences for which the last block's branches are skipped; rises linearly from "
          "0 at the first block");
    field(
        "ema_decay", ema_decay,
        "the model written and validated is a moving average of the weights with this decay, such "
        "as 0.9999; 0 is the weights themselves");
    field("accumulate", accumulate,
          "parts that a step's sequences are taken in, one after the other, to need less memory");
    field("checkpoint_activations", checkpoint_activations,
          "compute each block again for its gradient instead of keeping what it computed: slower, "
          "less memory");
    field("log_every", log_every, "steps between lines of metrics.jsonl");
    field("valid_every", valid_every, "steps between measurements on held-out tokens");
    field("valid_images", valid_images, "held-out sequences measured each time, at most");
    field("checkpoint_every", checkpoint_every, "steps between checkpoints");
    field("precision", precision,
          "auto is bf16 autocast where the processor has bf16 dot products");
  }
  void validate() const;
};

/// Table [sampling]: defaults of `tessera sample`.
struct SamplingConfig {
  double cfg = 1.0;
  std::string cfg_schedule = "constant";
  double temperature = 1.0;
  int top_k = 0;
  double top_p = 1.0;

  void visit(auto&& field) {
    field("cfg", cfg, "guidance scale: logits = uncond + cfg * (cond - uncond); 1 is none");
    field("cfg_schedule", cfg_schedule,
          "how the scale runs along the tokens: constant, interval:A:B (guided from share A up to "
          "share B of them) or power-cosine:P (rises from 1, as late as P is large)");
    field("temperature", temperature, "divides the logits; 0 always takes the likeliest token");
    field("top_k", top_k, "sample among the k likeliest tokens; 0 is all");
    field("top_p", top_p, "sample among the likeliest tokens that hold this probability; 1 is all");
  }
  void validate() const;
};

}  // namespace tessera
