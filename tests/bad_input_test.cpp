// Every kind of bad input: exit code 2, one line that says what was found, and nothing
// half-written.
#include "command_line.h"

namespace tessera {
namespace {

using testing::HasSubstr;
using BadInput = CommandLine;

TEST_F(BadInput, RefusesBadRecipes) {
  const std::string train =
      "tessera train tokenizer --quiet --data pictures --out out --recipe recipe.toml ";
  refuses(train + "--set tokenizer.codebok_size=8", {"codebok_size", "codebook_size"});
  refuses(train + "--set tokenizer.codebook_size=abc", {"codebook_size", "abc", "whole number"});
  refuses(train + "--set data.image_size=17", {"data.image_size", "17", "multiple of 2"});
  refuses(train + "--set tokenizer.codebook_size=100000", {"codebook_size", "100000", "latents"});
  refuses(train + "--set tokenizer_training.perceptual_weight=1",
          {"perceptual_weight", "--features"});
  refuses("tessera train tokenizer --quiet --data pictures --out out --recipe nowhere.toml",
          {"nowhere.toml"});
  succeeds("head -c 2000 /dev/urandom > junk");
  refuses("tessera train tokenizer --quiet --data pictures --out out --recipe junk", {"junk"});
  EXPECT_FALSE(exists("out/config.json"));
}

TEST_F(BadInput, RefusesBadDataAndCountsCorruptImages) {
  const std::string train =
      "tessera train tokenizer --quiet --recipe recipe.toml --out out --data ";
  refuses(train + "nowhere", {"nowhere"});
  succeeds("mkdir empty");
  refuses(train + "empty", {"empty"});
  succeeds("mkdir -p bad/a && for i in 1 2 3; do head -c 300 /dev/urandom > bad/a/$i.png; done");
  refuses(train + "bad --set tokenizer.codebook_size=8", {"bad"});
  succeeds("head -c 100 pictures/disc/0.png > cut && mv cut pictures/disc/0.png");
  train_tokenizer("tok");
  succeeds(
      "tessera encode --quiet --tokenizer tok --data pictures --out all.safetensors --json "
      "all.json");
  EXPECT_EQ(json("all.json")["corrupt_images"], 1);
  EXPECT_EQ(json("all.json")["images"], 59);
  succeeds("tar cf whole.tar pictures && head -c 9000 whole.tar > cut.tar");
  refuses(train + "cut.tar", {"cut.tar"});
}

TEST_F(BadInput, RefusesJunkModelsAndTokensOfAnotherTokenizer) {
  train_tokenizer("one");
  train_tokenizer("two", "--seed 5");
  for (const std::string name : {"one", "two"})
    succeeds("tessera encode --quiet --tokenizer " + name + " --data pictures --out " + name +
             ".safetensors");
  refuses("tessera decode --quiet --tokenizer one --tokens two.safetensors --out decoded",
          {"two.safetensors", "tokenizer"});
  refuses(
      "tessera train generator --quiet --recipe recipe.toml --tokens one.safetensors "
      "--valid-tokens two.safetensors --out gen",
      {"two.safetensors", "tokenizer"});
  succeeds(
      "tessera train generator --quiet --recipe recipe.toml --tokens one.safetensors --out gen");
  refuses("tessera sample --quiet --generator gen --tokenizer two --out x.png", {"tokenizer"});
  refuses("tessera sample --quiet --generator gen --tokenizer one --classes disk --out x.png",
          {"disk", "disc"});
  refuses("tessera sample --quiet --generator one --tokenizer one --out x.png", {"generator"});
  refuses("tessera encode --quiet --tokenizer pictures --data pictures --out x.safetensors",
          {"config.json"});
  succeeds("cp -r one cut && head -c 5000 one/model.safetensors > cut/model.safetensors");
  refuses("tessera encode --quiet --tokenizer cut --data pictures --out x.safetensors",
          {"model.safetensors"});
  succeeds("head -c 5000 /dev/urandom > junk.safetensors");
  refuses("tessera decode --quiet --tokenizer one --tokens junk.safetensors --out x",
          {"junk.safetensors"});
  EXPECT_FALSE(exists("x.png") || exists("x.safetensors") || exists("x") || exists("decoded"));
}

TEST_F(BadInput, FullDiskLeavesNoHalfWrittenFile) {
  train_tokenizer("tok");
  // A limit on the size of files stands for a full disk: writing fails in the same place.
  const auto outcome =
      run("(trap '' XFSZ; ulimit -f 1; tessera reconstruct --quiet --tokenizer tok --data pictures "
          "--out grid.png)");
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("grid.png"));
  EXPECT_FALSE(exists("grid.png"));
  EXPECT_EQ(run("ls -d .*.tessera-*").code, 2);
}

TEST_F(BadInput, RefusesBadCheckpoints) {
  succeeds("cp -r '" TESSERA_REFERENCE "/golden' golden");
  const std::string vq = "tessera import llamagen-vq --out out ",
                    gpt = "tessera import llamagen-gpt --out out --grid 4x4 ";
  refuses(vq + "nowhere.pt", {"nowhere.pt", "does not exist"});
  refuses(vq + "pictures", {"pictures", "not a file"});
  succeeds("head -c 5000 /dev/urandom > junk.pt");
  refuses(vq + "junk.pt", {"junk.pt", "neither"});
  succeeds("head -c 50000 golden/vq.pt > cut.pt && head -c 50000 golden/taming.ckpt > cut.ckpt");
  refuses(vq + "cut.pt", {"cut.pt", "truncated"});
  refuses("tessera import taming-vqgan cut.ckpt --out out", {"cut.ckpt", "truncated"});
  refuses(vq + "golden/gpt.pt", {"gpt.pt", "encoder.conv_in.weight", "missing"});
  refuses(vq + "golden/taming.ckpt", {"taming.ckpt", "named as in taming-vqgan"});
  refuses(gpt + "golden/gpt.pt", {"--tokenizer"});
  succeeds("tessera import llamagen-vq golden/vq.pt --out vq --quiet");
  refuses(gpt + "--tokenizer vq golden/vq.pt", {"vq.pt", "tok_embeddings.weight"});
  refuses(gpt + "--tokenizer vq golden/gpt.pt", {"gpt.pt", "--heads"});
  refuses(vq + "golden/vq.pt golden/gpt.pt", {"2 files", "one"});
  refuses(vq + "golden/vq.pt --image-size 33", {"image_size", "33"});
  refuses("tessera import llamagen-vq golden/vq.pt --out vq", {"vq", "holds files"});
  refuses("tessera import lamagen-vq golden/vq.pt --out out", {"lamagen-vq", "llamagen-vq"});
  refuses("tessera import vgg16-lpips golden/vq.pt --out out", {"1 files", "two"});
  refuses("tessera export llamagen-gpt vq --out x.pt", {"config.json", "tokenizer", "generator"});
  refuses("tessera export llamagen-vq vq --out x.bin", {"x.bin", ".safetensors"});
  EXPECT_FALSE(exists("out") || exists("x.pt") || exists("x.bin"));
  EXPECT_EQ(run("ls -d .*.tessera-*").code, 2);
}

TEST_F(BadInput, SaysWhichOptionWhatWasFoundAndWhatIsExpected) {
  const std::string encode = "tessera encode --tokenizer t --data d --out o ",
                    sample = "tessera sample --generator g --tokenizer t --out o ",
                    help = "(see tessera encode --help)",
                    sample_help = "(see tessera sample --help)";
  refuses(encode + "--seed -1",
          {"--seed is '-1', expected a whole number from 0 to 18446744073709551615", help});
  refuses(encode + "--image-size -4",
          {"--image-size is '-4', expected a whole number from 0 to 4096", help});
  refuses(encode + "--split foo", {"--split is 'foo', expected train, valid or all", help});
  refuses(encode + "--crops 3", {"--crops is '3', expected 1 or 10", help});
  refuses(encode + "--seed", {"--seed has no value", help});
  refuses(encode + "--seed 1 --seed 2", {"--seed is given 2 times, expected once", help});
  refuses(encode + "more", {"unexpected argument 'more'", help});
  refuses(encode + "-v", {"unknown option '-v'", help});
  refuses(sample + "--total 0",
          {"--total is '0', expected a whole number from 1 to 2147483647", sample_help});
  refuses(sample + "--cfg inf", {"--cfg is 'inf', expected a number of 0 or more", sample_help});
  refuses(sample + "--cfg nan", {"--cfg is 'nan', expected a number of 0 or more"});
  refuses(sample + "--top-k 2147483648",
          {"--top-k is '2147483648', expected a whole number from 0 to 2147483647"});
  refuses(sample + "--count 1 --total 2", {"--count", "--total", "expected one of them"});
  refuses(sample + "--weights int9", {"--weights is 'int9'", "did you mean 'int8'?"});
  refuses(
      "tessera train tokenizer --recipe r --data d --out o --steps 0",
      {"--steps is '0', expected a whole number from 1", "(see tessera train tokenizer --help)"});
  refuses("tessera train tokenizer --rcipe x --data d --out o",
          {"unknown option '--rcipe', did you mean '--recipe'?",
           "(see tessera train tokenizer --help)"});
  refuses("tessera train tokenizer --data d --out o",
          {"--recipe is missing, expected TOML recipe"});
  refuses("tessera tokenizer train",
          {"unknown command 'tokenizer', did you mean 'tessera train tokenizer'?"});
  refuses("tessera help",
          {"unknown command 'help', did you mean '--help'?", "(see tessera --help)"});
  refuses("tessera -v", {"unknown option '-v', did you mean '--version'?"});
  refuses("tessera xyzzy", {"unknown command 'xyzzy', expected demo, data, train"});
  refuses("tessera study rnu x",
          {"unknown command 'rnu', expected run, fit", "(see tessera study --help)"});
}

TEST_F(BadInput, BlamesTheOverrideAndNotTheRecipe) {
  const std::string flops = "tessera flops --recipe recipe.toml --set ";
  refuses(flops + "regularizer.input=quantised",
          {"tessera: --set regularizer.input=quantised", "(see tessera flops --help)"});
  refuses(flops + "data.image_size=17",
          {"tessera: --set data.image_size=17 on recipe.toml: data.image_size is 17"});
  refuses(flops + "tokenizer.codebok_size=8",
          {"tessera: --set tokenizer.codebok_size=8", "did you mean 'codebook_size'?"});
  refuses(flops + "sampling.cfg=inf", {"tessera: --set sampling.cfg=inf", "cfg is"});
  succeeds("sed 's/image_size = 16/image_size = 17/' recipe.toml > bad.toml");
  refuses("tessera flops --recipe bad.toml --set tokenizer.channels=32",
          {"tessera: bad.toml: data.image_size is 17"});
}

TEST_F(BadInput, RefusesSizesThatMemoryOrAFormatCannotHoldBeforeAnyWork) {
  train_tokenizer("tok");
  refuses("tessera encode --tokenizer tok --data nowhere --out o --image-size 4096",
          {"--image-size is 4096: an image of 2048 x 2048 tokens", "GB that are free"});
  refuses("tessera reconstruct --tokenizer tok --data nowhere --out o --image-size 4096",
          {"--image-size is 4096"});
  refuses("tessera evaluate reconstruction --tokenizer tok --data nowhere --image-size 4096",
          {"--image-size is 4096"});
  refuses(
      "tessera train tokenizer --recipe recipe.toml --data nowhere --out o --set "
      "data.image_size=4096",
      {"data.image_size is 4096", "GB that are free"});
  const auto threads = run("tessera flops --recipe recipe.toml --threads 500");
  EXPECT_EQ(threads.code, 0);
  EXPECT_THAT(threads.err, HasSubstr("--threads is 500, but there are"));
  EXPECT_EQ(run("tessera flops --recipe recipe.toml --threads 500 --quiet").err, "");
}

TEST_F(BadInput, FewImagesForTheirFeaturesAreAWarning) {
  succeeds(
      "tessera train features --quiet --data pictures --recipe recipe.toml --width 16 --steps 1 "
      "--batch-size 8 --out features");
  succeeds("mkdir six && cp pictures/disc/0.png six/a.png && cp pictures/disc/1?.png six");
  const auto outcome = run(
      "tessera evaluate generation --real six --generated six --features features --json six.json");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("warning: 6 images for 32 feature dimensions"));
  EXPECT_EQ(json("six.json")["fd"].get<double>() < 0, false);
  EXPECT_GT(json("six.json")["fd_bias"].get<double>(), 0);
  EXPECT_EQ(json("six.json")["warnings"].size(), 1u);
}

TEST_F(BadInput, RefusesBadUsageInOneLine) {
  refuses("tessera", {"subcommand"});
  refuses("tessera trian", {"trian", "train"});
  refuses("tessera train tokenizer --recipe recipe.toml", {"--"});
  refuses("tessera encode --tokenizer a --data b --out c --crops 3", {"--crops"});
  refuses("tessera flops --recipe recipe.toml --set regularizer.input=quantised",
          {"quantised", "quantized"});
  for (const std::string command : {"", "train", "train tokenizer", "encode", "decode", "sample",
                                    "complete", "export pipeline", "evaluate generation", "demo"}) {
    const auto help = run("tessera " + command + " --help");
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_THAT(help.out, HasSubstr("Usage")) << command;
  }
}

}  // namespace
}  // namespace tessera
