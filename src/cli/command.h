// cli/ parses, calls the library and prints: one file per command, each with one line in main.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/run_options.h"
#include "cli/usage.h"
#include "samples/decode_options.h"
#include "samples/write_samples.h"

namespace tessera::cli {

/// The largest images that any command reads, in pixels per side.
inline constexpr int kLargestSide = 4096;

/// Adds a command with an example at the end of its --help.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      const std::string& example);

/// --threads, --seed, --quiet and --json.
void add_run_options(CLI::App* command, RunOptions& options);
/// All options of `sample`, which `complete` has too.
void add_sample_options(CLI::App* command, SampleOptions& options);
/// --backend and --device.
void add_torch_options(CLI::App* command, SampleOptions& options);
/// Draws images in one of the ways there are.
using SampleBackend =
    std::function<nlohmann::json(const SampleOptions& options, const Beginning& beginning)>;
/// The backend that options ask for: the engine, or the LibTorch model where the program has it.
/// Throws Error when they ask for what there is not.
SampleBackend sample_backend(const SampleOptions& options, const SampleBackend& torch);
/// --device, for what runs LibTorch models.
void add_device_option(CLI::App* command, RunOptions& options);

// One function per command file; `train`, `evaluate` and others are the parents of their
// subcommands.
void add_data(CLI::App& app);
void add_train_tokenizer(CLI::App& train);
void add_train_generator(CLI::App& train);
void add_train_features(CLI::App& train);
void add_encode(CLI::App& app);
using DecodeBackend = std::function<nlohmann::json(const DecodeOptions& options)>;
/// `devices`: whether there are others than the CPU.
void add_decode(CLI::App& app, const DecodeBackend& decode, bool devices);
void add_info(CLI::App& app);
void add_quantize(CLI::App& app);
void add_bench_decode(CLI::App& bench);
void add_bench_image_decoder(CLI::App& bench);
void add_reconstruct(CLI::App& app);
/// `torch` draws with the LibTorch model; empty in a program without it.
void add_sample(CLI::App& app, const SampleBackend& torch);
void add_complete(CLI::App& app);
void add_logits(CLI::App& app);
void add_evaluate_reconstruction(CLI::App& evaluate);
void add_evaluate_likelihood(CLI::App& evaluate);
void add_evaluate_generation(CLI::App& evaluate);
void add_import(CLI::App& app);
void add_export(CLI::App& app);
void add_export_pipeline(CLI::App& parent);
void add_flops(CLI::App& app);
void add_bench_train(CLI::App& bench);
void add_bench_loader(CLI::App& bench);
void add_demo(CLI::App& app);
void add_study_run(CLI::App& study);
void add_study_fit(CLI::App& study);
void add_study_advise(CLI::App& study);
void add_study_report(CLI::App& study);

}  // namespace tessera::cli
