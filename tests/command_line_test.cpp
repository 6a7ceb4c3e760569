// The program as its users run it: the whole path on a small data set.
#include "command_line.h"

namespace tessera {
namespace {

using testing::HasSubstr;

TEST_F(CommandLine, WalksTheWholePath) {
  succeeds("tessera data info --quiet --data pictures --json info.json");
  succeeds(
      "tessera train features --quiet --data pictures --recipe recipe.toml --steps 5 --width 8 "
      "--out features");
  train_tokenizer(
      "tok", "--features features --set tokenizer_training.perceptual_weight=1 --json tok.json");
  EXPECT_GT(json("tok.json")["valid"]["psnr"].get<double>(), 0);
  EXPECT_TRUE(exists("tok/config.json") && exists("tok/model.safetensors") &&
              exists("tok/metrics.jsonl"));
  for (const std::string split : {"train", "valid"})
    succeeds("tessera encode --quiet --tokenizer tok --data pictures --split " + split + " --out " +
             split + ".safetensors --json " + split + ".json");
  EXPECT_EQ(json("train.json")["images"].get<int>() + json("valid.json")["images"].get<int>(), 60);
  succeeds(
      "tessera encode --quiet --tokenizer tok --data pictures --crops 10 --out crops.safetensors "
      "--json crops.json");
  EXPECT_EQ(json("crops.json")["crops"], 10);

  succeeds("tessera decode --quiet --tokenizer tok --tokens valid.safetensors --out decoded");
  succeeds(
      "tessera decode --quiet --tokenizer tok --tokens valid.safetensors --raw --out decoded.npy");
  EXPECT_EQ(fs::file_size(folder_ / "decoded.npy") % 4, 0u);
  succeeds("tessera reconstruct --quiet --tokenizer tok --data pictures --count 4 --out grid.png");
  EXPECT_GT(decode_image(read_file(folder_ / "grid.png"), "grid.png").width, 16);

  succeeds(
      "tessera train generator --quiet --recipe recipe.toml --tokens train.safetensors "
      "--valid-tokens valid.safetensors "
      "--out gen --json gen.json");
  EXPECT_GT(json("gen.json")["valid"]["nats_per_token"].get<double>(), 0);
  succeeds(
      "tessera sample --quiet --generator gen --tokenizer tok --classes disc,1 --count 3 --cfg 1.5 "
      "--temperature 0.9 "
      "--top-k 16 --top-p 0.95 --out samples.png --out-dir samples --tokens-out "
      "samples.safetensors");
  EXPECT_TRUE(exists("samples.png") && exists("samples/disc") && exists("samples/square"));
  succeeds("tessera logits --quiet --generator gen --tokens valid.safetensors --out logits.npy");
  succeeds(
      "tessera evaluate likelihood --quiet --generator gen --tokens valid.safetensors --json "
      "like.json");
  const auto like = json("like.json");
  EXPECT_NEAR(like["predictability"].get<double>(),
              like["unigram_entropy"].get<double>() - like["nats_per_token"].get<double>(), 1e-9);
  EXPECT_EQ(like["by_position"].size(), 64u);
  succeeds(
      "tessera evaluate reconstruction --quiet --tokenizer tok --data pictures --features features "
      "--json rec.json");
  for (const char* key :
       {"psnr", "ssim", "l1", "l2", "fd", "codebook_perplexity", "codebook_used", "bits_per_pixel"})
    EXPECT_TRUE(json("rec.json").contains(key)) << key;
  succeeds(
      "tessera evaluate generation --quiet --real pictures --generated decoded --features features "
      "--json made.json");
  for (const char* key : {"fd", "precision", "recall", "density", "coverage", "images"})
    EXPECT_TRUE(json("made.json").contains(key)) << key;
  succeeds(
      "tessera evaluate generation --quiet --real pictures --split valid --generated decoded "
      "--train pictures --json copies.json");
  EXPECT_EQ(json("copies.json")["nearest_train"]["train_images"].get<int>() +
                json("copies.json")["real_images"].get<int>(),
            60);
  succeeds("tessera flops --quiet --recipe recipe.toml --json flops.json");
  EXPECT_GT(json("flops.json")["tokenizer"]["regularizer_share"].get<double>(), 0);
}

TEST_F(CommandLine, ResumedTrainingIsTheTrainingThatNeverStopped) {
  train_tokenizer("whole");
  // SIGINT as early as the second step: the run leaves a checkpoint and exit code 130.
  const auto stopped = run(
      "'" TESSERA_PROGRAM
      "' train tokenizer --quiet --recipe recipe.toml --data pictures --out parts "
      "& pid=$!; until [ -s parts/metrics.jsonl ]; do sleep 0.01; done; kill -INT $pid; wait $pid");
  if (stopped.code != 0) {  // 0: it was done before the signal came
    EXPECT_EQ(stopped.code, 130) << stopped.err;
    train_tokenizer("parts", "--resume");
  }
  EXPECT_EQ(sha256_file(folder_ / "whole/model.safetensors"),
            sha256_file(folder_ / "parts/model.safetensors"));

  refuses("tessera train tokenizer --quiet --recipe recipe.toml --data pictures --out whole",
          {"whole", "--resume"});
  refuses(
      "tessera train tokenizer --quiet --recipe recipe.toml --data pictures --out whole --resume "
      "--set tokenizer_training.l1_weight=3",
      {"l1_weight", "3", "was"});
}

TEST_F(CommandLine, ABranchOfARunAtConstantRateIsTheRunWithADecay) {
  train_tokenizer("tok");
  succeeds("tessera encode --quiet --tokenizer tok --data pictures --out tokens.safetensors");
  const auto train = [&](const std::string& out, const std::string& more) {
    return "tessera train generator --quiet --recipe recipe.toml --tokens tokens.safetensors "
           "--out " +
           out + " " + more;
  };
  const std::string decay = "--steps 10 --set generator_training.decay_fraction=0.3 ";
  succeeds(train("whole", decay));
  succeeds(train("trunk", "--steps 7 --set generator_training.decay_fraction=0"));
  succeeds(train("branch", decay + "--branch trunk"));
  EXPECT_EQ(sha256_file(folder_ / "whole/model.safetensors"),
            sha256_file(folder_ / "branch/model.safetensors"));
  refuses(train("other", "--steps 8 --set generator_training.decay_fraction=0.3 --branch trunk"),
          {"trunk is at step 7", "begins to fall"});
  refuses(train("other", decay + "--set generator.layers=3 --branch trunk"),
          {"trunk", "other settings"});
  refuses(train("other", decay + "--branch nowhere"), {"nowhere", "no checkpoint"});
}

TEST_F(CommandLine, DemoGoesOnWhereItWasStopped) {
  const std::string demo =
      "demo --quick --recipe recipe.toml --data pictures --held-out pictures --out demo";
  const auto stopped = run("'" TESSERA_PROGRAM "' " + demo +
                           " & pid=$!; until [ -s demo/CRT/tokenizer/metrics.jsonl ]; do sleep "
                           "0.01; done; kill -INT $pid; wait $pid");
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_FALSE(exists("demo/report.html"));
  succeeds("tessera " + demo);
  EXPECT_TRUE(exists("demo/report.html") && exists("demo/plain/samples.png"));
  for (const char* arm : {"plain", "CRT"})
    EXPECT_GT(json("demo/results.json")["arms"][arm]["generation"]["fd"].get<double>(), 0) << arm;
  refuses("tessera " + demo + " --seed 3", {"demo", "other settings"});
}

TEST_F(CommandLine, AStudyIsPlannedKilledAndGoesOnUntilEveryRunIsDone) {
  for (const std::string name : {"loss", "metric"})
    succeeds(
        "tessera train features --quiet --data pictures --recipe recipe.toml --steps 5 --width 8 "
        "--out nets/" +
        name);
  write_file(folder_ / "study.toml",
             "features = \"nets\"\n"
             "title = \"A try\"\nrecipe = \"recipe.toml\"\ndata = [\"pictures\"]\n"
             "set = [\"tokenizer_training.steps=6\"]\n"
             "seeds = [1, 2]\npoints = [4, 8]\nsamples = 20\nsearch_samples = 10\n"
             "guidance = [1.5]\n"
             "[[sweep]]\nname = \"headline\"\n"
             "design = [{name = \"plain\", set = [\"regularizer.weight=0\"]}, {name = \"CRT\"}]\n"
             "[[finding]]\nname = \"predictability\"\nstatement = \"CRT predicts better.\"\n"
             "metric = \"predictability\"\nsweep = \"headline\"\ndesign = \"CRT\"\n"
             "reference = [\"plain\"]\nexpect = \"higher\"\n");
  succeeds("tessera study run study.toml --out study --dry-run --quiet --json plan.json");
  EXPECT_EQ(json("plan.json")["runs"], 2 * 2 * 2);
  EXPECT_GT(json("plan.json")["flops"].get<double>(), 0);
  EXPECT_FALSE(exists("study"));
  const auto stopped = run("'" TESSERA_PROGRAM
                           "' study run study.toml --out study --workers 2 & pid=$!; "
                           "until ls study/results/t-* 2> /dev/null; do sleep 0.05; done; "
                           "kill -INT $pid; wait $pid");
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_TRUE(fs::is_empty(folder_ / "study/claims"));
  succeeds("tessera study run study.toml --out study --workers 2 --quiet --json done.json");
  EXPECT_EQ(json("done.json")["done"], 8);
  succeeds("tessera study run study.toml --out study --dry-run --quiet --json plan.json");
  EXPECT_EQ(json("plan.json")["runs_done"], 8);
  EXPECT_EQ(json("plan.json")["seconds_left"], 0);
  const auto rows = json("study/results.json");
  ASSERT_EQ(rows.size(), 8u);
  for (const auto& row : rows) {
    EXPECT_GT(row["metrics"]["fd"].get<double>(), 0);
    EXPECT_TRUE(exists("study/" + row["samples"].get<std::string>()));
    EXPECT_TRUE(exists("study/" + row["reconstructions"].get<std::string>()));
  }
  EXPECT_TRUE(exists("study/index.sqlite"));

  succeeds("tessera study fit study --quiet --json fits.json");
  EXPECT_EQ(json("study/findings.json")[0]["name"], "predictability");
  EXPECT_EQ(json("study/findings.json")[0]["numbers"][0]["pairs"], 2);
  EXPECT_EQ(json("fits.json")["findings"], json("study/findings.json"));
  refuses("tessera study advise study --train-flops 1e12", {"no design could be fitted"});
  succeeds("tessera study report study");
  EXPECT_THAT(read_file(folder_ / "study/report.html"), HasSubstr("<title>A try</title>"));
  refuses("tessera study fit pictures", {"results.json"});

  refuses("tessera study run recipe.toml --out other", {"recipe.toml", "data"});
  refuses("tessera study run nowhere.toml --out other", {"nowhere.toml"});
  refuses("tessera study run study.toml --data nothing --out other", {"nothing"});
  EXPECT_FALSE(exists("other"));
}

TEST_F(CommandLine, PlainTokenizerIsCrtWithWeightZero) {
  train_tokenizer("crt");
  train_tokenizer("plain", "--set regularizer.weight=0");
  EXPECT_NE(sha256_file(folder_ / "crt/model.safetensors"),
            sha256_file(folder_ / "plain/model.safetensors"));
  EXPECT_EQ(json("plain/config.json")["recipe"]["regularizer"]["weight"], 0);
}

TEST_F(CommandLine, HandsOnAPipelineThatSamplesAndCompletes) {
  train_tokenizer("tok");
  train_tokenizer("other", "--seed 5");
  succeeds("tessera encode --quiet --tokenizer tok --data pictures --out all.safetensors");
  succeeds(
      "tessera train generator --quiet --recipe recipe.toml --tokens all.safetensors --out gen "
      "--set generator_training.drop_path=0.1 --set generator_training.ema_decay=0.9 "
      "--set generator_training.accumulate=2 --set generator_training.checkpoint_activations=true");
  const std::string exporting = "tessera export pipeline --quiet --generator gen --out ready ";
  refuses(exporting + "--tokenizer other", {"tokenizer"});
  succeeds(exporting + "--tokenizer tok --json pipeline.json");
  EXPECT_EQ(json("pipeline.json")["format"], "tessera.pipeline/1");
  EXPECT_TRUE(exists("ready/generator/model.safetensors") && exists("ready/tokenizer/config.json"));
  EXPECT_FALSE(exists("ready/tokenizer/metrics.jsonl") || exists("ready.partial"));
  refuses(exporting + "--tokenizer tok", {"ready", "exists"});

  const std::string options =
      " --quiet --classes disc --count 3 --cfg 2 --cfg-schedule interval:0.1:0.8 ";
  succeeds("tessera sample --generator gen --tokenizer tok --out two.png" + options);
  succeeds("tessera sample --pipeline ready --out one.png" + options);
  EXPECT_EQ(sha256_file(folder_ / "one.png"), sha256_file(folder_ / "two.png"));
  const std::string completing =
      "tessera complete --pipeline ready --image pictures/disc/0.png --out completed.png" + options;
  succeeds(completing + "--keep-rows 3 --json completed.json");
  EXPECT_EQ(json("completed.json")["keep_rows"], 3);
  EXPECT_EQ(json("completed.json")["sampling"]["cfg_schedule"], "interval:0.1:0.8");
  EXPECT_EQ(decode_image(read_file(folder_ / "completed.png"), "completed.png").width,
            4 * (16 + 2) + 2);

  refuses(completing + "--keep-rows 8", {"--keep-rows", "8", "0 to 7"});
  refuses("tessera complete --quiet --pipeline ready --image recipe.toml --keep-rows 1 --out x.png",
          {"recipe.toml", "PNG"});
  refuses("tessera sample --quiet --pipeline ready --cfg-schedule linear --out x.png",
          {"--cfg-schedule", "linear", "power-cosine"});
  refuses("tessera sample --quiet --generator gen --out x.png", {"--tokenizer", "--pipeline"});
  refuses("tessera sample --quiet --pipeline ready --generator gen --out x.png", {"--pipeline"});
  refuses("tessera sample --quiet --pipeline tok --out x.png", {"tok", "pipeline.json"});
  succeeds("cp other/model.safetensors ready/tokenizer/model.safetensors");
  refuses("tessera sample --quiet --pipeline ready --out x.png", {"tokenizer/model.safetensors"});
  EXPECT_FALSE(exists("x.png"));
}

TEST_F(CommandLine, GoesOnFromOtherWeightsWithPartsFrozen) {
  train_tokenizer("first", "--set regularizer.weight=0");
  // CRT added to a plain tokenizer, and a decoder finished alone.
  train_tokenizer("crt", "--init first");
  EXPECT_EQ(json("crt/config.json")["extra"]["init"],
            sha256_file(folder_ / "first/model.safetensors"));
  const std::string decoder = "--init first --set regularizer.weight=0 ";
  train_tokenizer("decoder", decoder + "--freeze encoder,quantizer");
  for (const std::string name : {"first", "decoder"})
    succeeds("tessera encode --quiet --tokenizer " + name + " --data pictures --out " + name +
             ".safetensors --json " + name + ".json");
  EXPECT_EQ(json("first.json")["code_perplexity"], json("decoder.json")["code_perplexity"]);
  EXPECT_NE(json("first.json")["tokenizer"], json("decoder.json")["tokenizer"]);

  const std::string train = "tessera train tokenizer --quiet --recipe recipe.toml --data pictures ";
  refuses(train + "--out decoder --resume " + decoder, {"freeze", "quantizer"});
  refuses(train + "--out decoder --resume --set regularizer.weight=0 --freeze encoder,quantizer",
          {"init"});
  refuses(train + "--out x --init first --set tokenizer.codebook_size=16",
          {"first", "tokenizer.codebook_size is 32 there and 16"});
  refuses(train + "--out x --init nowhere", {"nowhere"});
  refuses(train + "--out x --freeze encodr", {"encodr", "encoder"});
  refuses(train + "--out x --freeze encoder", {"regularizer.weight"});
  refuses(train + "--out x --set tokenizer_training.accumulate=3", {"accumulate", "batch_size"});
  refuses(
      "tessera train generator --quiet --recipe recipe.toml --tokens first.safetensors --out x "
      "--init first",
      {"first/config.json", "generator"});
  EXPECT_FALSE(exists("x"));
}

TEST_F(CommandLine, ImportsUsesAndExportsPublishedCheckpoints) {
  succeeds("cp -r '" TESSERA_REFERENCE "/golden' golden");
  succeeds(
      "tessera import llamagen-vq golden/vq.pt --image-size 16 --out vq --quiet --json vq.json");
  EXPECT_EQ(json("vq.json")["tokenizer"]["codebook_size"], 64);
  EXPECT_THAT(json("vq/config.json")["data"].get<std::string>(), HasSubstr("vq.pt"));
  succeeds(
      "tessera import llamagen-gpt golden/gpt.pt --tokenizer vq --grid 4x4 --heads 4 --out gpt "
      "--quiet --json gpt.json");
  EXPECT_EQ(json("gpt.json")["classes"], 5);
  succeeds("tessera import taming-vqgan golden/taming.ckpt --out taming --quiet");
  succeeds("tessera sample --quiet --generator gpt --tokenizer vq --classes 4 --out samples.png");

  // Other resolutions than the recipe's 16 pixels.
  succeeds(
      "tessera encode --quiet --tokenizer vq --data pictures --image-size 8 --out 8.safetensors "
      "--json 8.json");
  EXPECT_EQ(json("8.json")["tokens_per_image"], 16);
  succeeds("tessera decode --quiet --tokenizer vq --tokens 8.safetensors --out decoded");
  succeeds(
      "tessera reconstruct --quiet --tokenizer vq --data pictures --image-size 24 --count 1 --out "
      "grid.png");
  EXPECT_GT(decode_image(read_file(folder_ / "grid.png"), "grid.png").height, 24);
  succeeds(
      "tessera evaluate reconstruction --quiet --tokenizer vq --data pictures --image-size 24 "
      "--json rec.json");
  EXPECT_EQ(json("rec.json")["tokens_per_image"], 144);
  EXPECT_EQ(json("rec.json")["image_size"], 24);
  refuses("tessera encode --tokenizer vq --data pictures --image-size 9 --out x",
          {"9", "multiple"});

  for (const std::string form : {".pt", ".safetensors"}) {
    succeeds("tessera export llamagen-vq vq --out vq" + form + " --quiet");
    succeeds("tessera import llamagen-vq vq" + form + " --out again" + form + " --quiet");
    EXPECT_EQ(sha256_file(folder_ / "vq/model.safetensors"),
              sha256_file(folder_ / ("again" + form) / "model.safetensors"));
  }
}

}  // namespace
}  // namespace tessera
