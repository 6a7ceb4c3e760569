// Where output goes and what a resumed run is: nothing of a user's is replaced or lost.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>

#include "command_line.h"

namespace tessera {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Output : public CommandLine {
 protected:
  static constexpr const char* kTrain =
      "tessera train tokenizer --recipe recipe.toml --data pictures --threads 1 ";

  // Begins to train in the background and waits until it does; $first is the process.
  std::string in_background(const std::string& more) {
    return "'" TESSERA_PROGRAM "'" + std::string(kTrain).substr(std::strlen("tessera")) +
           "--quiet " + more +
           " & first=$!\nwhile ! test -s run/metrics.jsonl; do sleep 0.05; done\n";
  }
  // Files that a command left beside what it was asked for.
  std::string leftovers() { return run("find . -name '.*tessera-*' -o -name '*.partial'").out; }
  std::string hash(const std::string& file) { return sha256_file(folder_ / file); }
  void import_tokenizer(const std::string& out) {
    succeeds("tessera import llamagen-vq '" TESSERA_REFERENCE "/golden/vq.pt' --quiet --out " +
             out);
  }
};

TEST_F(Output, DevicesPipesAndLinksAreWrittenAndNeverReplaced) {
  const std::string info = "tessera data info --quiet --data pictures --json ";
  succeeds(info + "/dev/null");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  succeeds("mkfifo pipe; (cat pipe > read) & " + info + "pipe && wait && test -p pipe");
  EXPECT_EQ(json("read")["images"], 60);
  succeeds("ln -s real.json link; " + info + "link && test -L link");
  EXPECT_EQ(json("real.json")["images"], 60);
  succeeds(info + "/dev/stdout > printed");
  EXPECT_EQ(json("printed")["images"], 60);
  if (::mknod((folder_ / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0 &&
      run("echo > null").code == 0)
    succeeds(info + "null && test -c null");
  train_tokenizer("tok");
  const std::string more = " --quiet --tokenizer tok --data pictures --out ";
  succeeds("tessera encode" + more + "/dev/null && tessera reconstruct" + more + "/dev/null");
  succeeds("tessera encode" + more + "tokens.safetensors");
  succeeds(
      "tessera decode --quiet --raw --tokenizer tok --tokens tokens.safetensors --out /dev/null");
  refuses("tessera decode --quiet --tokenizer tok --tokens tokens.safetensors --out /dev/null",
          {"/dev/null", "not a folder"});
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_EQ(leftovers(), "");
}

TEST_F(Output, WhatStandardOutputCannotTakeIsAnError) {
  for (const std::string command :
       {"tessera data info --data pictures --quiet --json -", "tessera data info --data pictures",
        "tessera flops --recipe recipe.toml --json -"})
    refuses(command + " > /dev/full", {"standard output", "No space left on device"});
  refuses("tessera data info --data pictures --json /dev/full",
          {"/dev/full", "No space left on device"});
}

TEST_F(Output, NoModelIsOverwritten) {
  import_tokenizer("imported");
  train_tokenizer("trained");
  succeeds(
      "tessera encode --quiet --tokenizer trained --data pictures --out tokens.safetensors && "
      "rm -r trained/training");
  for (const std::string model : {"imported", "trained"}) {
    const auto weights = hash(model + "/model.safetensors");
    const auto listing = run("ls -l --time-style=full-iso " + model).out;
    const std::vector<std::string> commands = {
        kTrain, "tessera train generator --recipe recipe.toml --tokens tokens.safetensors ",
        "tessera train features --data pictures --steps 2 "};
    for (const auto& train : commands) {
      refuses(train + "--out " + model, {model, "holds a model already"});
      refuses(train + "--resume --out " + model, {model, "no checkpoint to go on from"});
    }
    refuses(
        "tessera encode --tokenizer trained --data pictures --out " + model + "/model.safetensors",
        {"model.safetensors", "belongs to a model"});
    refuses("tessera import llamagen-vq '" TESSERA_REFERENCE "/golden/vq.pt' --out " + model,
            {model, "holds files"});
    EXPECT_EQ(hash(model + "/model.safetensors"), weights);
    EXPECT_EQ(run("ls -l --time-style=full-iso " + model).out, listing);
  }
}

TEST_F(Output, AUsersPartialFolderStays) {
  succeeds("mkdir p.partial && echo x > p.partial/f");
  EXPECT_EQ(run("tessera sample --generator /nowhere --tokenizer /nowhere --out-dir p").code, 2);
  EXPECT_TRUE(exists("p.partial/f"));
  EXPECT_FALSE(exists("p"));
  EXPECT_EQ(leftovers(), "");
}

TEST_F(Output, TheSecondRunInAFolderIsRefusedAndNamesTheFirst) {
  const auto outcome = run(in_background("--steps 5000 --out run") + kTrain +
                           "--quiet --out run; echo $? $first; kill -9 $first; wait $first");
  ASSERT_THAT(outcome.out, HasSubstr("2 ")) << outcome.err;
  const auto first = outcome.out.substr(2, outcome.out.find('\n') - 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("run: is being written by process " + first + " on "),
                                 Not(HasSubstr("internal fault"))));
  // The lock has died with its process.
  EXPECT_TRUE(exists("run/.tessera-lock"));
  refuses(std::string(kTrain) + "--quiet --resume --out run --seed 5 --steps 5000", {"--seed 0"});
}

TEST_F(Output, TheSecondDemoInAFolderIsRefused) {
  const auto outcome = run("'" TESSERA_PROGRAM
                           "' demo --quiet --quick --data pictures --recipe "
                           "recipe.toml --out demo & first=$!\n"
                           "while ! test -f demo/.tessera-lock; do sleep 0.02; done\n"
                           "tessera demo --quiet --quick --data pictures --out demo; echo $?\n"
                           "kill $first; wait $first");
  EXPECT_EQ(outcome.out, "2\n");
  EXPECT_THAT(outcome.err, HasSubstr("demo: is being written by process "));
}

TEST_F(Output, AMountPointOrALinkToAnEmptyFolderIsWrittenInto) {
  train_tokenizer("tok");
  succeeds("tessera encode --quiet --tokenizer tok --data pictures --out t.safetensors");
  succeeds("mkdir empty && ln -s empty link");
  import_tokenizer("link");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_TRUE(exists("empty/model.safetensors"));
  succeeds("mkdir pngs && ln -s pngs seen");
  const std::string decode = "tessera decode --quiet --tokenizer tok --tokens t.safetensors --out ";
  succeeds(decode + "seen");
  EXPECT_TRUE(fs::is_symlink(folder_ / "seen") && exists("pngs/disc"));
  EXPECT_EQ(leftovers(), "");
  succeeds("mkdir mount");
  if (::mount("none", (folder_ / "mount").c_str(), "tmpfs", 0, nullptr) != 0)
    GTEST_SKIP() << "mounting needs root";
  const auto outcome = run(decode + "mount && ls mount");
  ::umount((folder_ / "mount").c_str());
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "disc\nsquare\n");
}

TEST_F(Output, AnUnwritablePlaceIsRefusedBeforeAnyWork) {
  succeeds("echo x > file");
  // /nowhere would be named if the work had begun.
  const std::vector<std::string> commands = {
      std::string(kTrain) + "--data /nowhere --out ",
      "tessera train generator --recipe recipe.toml --tokens /nowhere --out ",
      "tessera train features --data /nowhere --out ",
      "tessera encode --tokenizer /nowhere --data pictures --out ",
      "tessera decode --tokenizer /nowhere --tokens t --out ",
      "tessera decode --tokenizer /nowhere --tokens t --raw --out ",
      "tessera reconstruct --tokenizer /nowhere --data pictures --out ",
      "tessera sample --generator /nowhere --tokenizer t --out ",
      "tessera sample --generator /nowhere --tokenizer t --out-dir ",
      "tessera sample --generator /nowhere --tokenizer t --tokens-out ",
      "tessera logits --generator /nowhere --tokens t --classes 0 --out ",
      "tessera import llamagen-vq /nowhere --out ",
      "tessera export pipeline --generator /nowhere --tokenizer t --out ",
      "tessera quantize --generator /nowhere --out ",
      "tessera demo --quick --data /nowhere --out ",
      "tessera data info --data /nowhere --json ",
      "tessera bench loader --data /nowhere --json ",
      "tessera evaluate reconstruction --tokenizer /nowhere --data pictures --json "};
  for (const auto& command : commands) {
    const auto outcome = run(command + "file/below");
    EXPECT_EQ(outcome.code, 2) << command << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("file/below: cannot be written: "),
                                   HasSubstr("Not a directory"), Not(HasSubstr("internal fault"))))
        << command;
  }
  EXPECT_EQ(read_file(folder_ / "file"), "x\n");
}

TEST_F(Output, AResumedRunTakesTheSameImagesHoweverTheyAreNamed) {
  succeeds(std::string(kTrain) + "--quiet --out run");
  const std::string resume = std::string(kTrain) + "--out run --resume ";
  const auto here = (folder_ / ".").string();
  for (const std::string data :
       {"pictures/", "./pictures", here + "/pictures",
        std::string("pictures --set data.loader_threads=3 --set tokenizer_training.log_every=1")}) {
    const auto outcome =
        run("tessera train tokenizer --quiet --recipe recipe.toml --threads 1 "
            "--out run --resume --data " +
            data);
    EXPECT_EQ(outcome.code, 0) << data << outcome.err;
    EXPECT_EQ(outcome.err, "") << data;
  }
  refuses(resume + "--set tokenizer_training.learning_rate=1", {"learning_rate"});
  succeeds("cp -r pictures other && cp other/disc/0.png other/disc/zz.png");
  refuses("tessera train tokenizer --recipe recipe.toml --data other --out run --resume",
          {"other images", "61 images"});
  // The same names, other pixels.
  succeeds("rm -r other && cp -r pictures other && cp other/square/1.png other/disc/0.png");
  refuses("tessera train tokenizer --recipe recipe.toml --data other --out run --resume",
          {"other images", "pixels"});
}

TEST_F(Output, ResumingInAnEmptyFolderBeginsARunAndSaysSo) {
  succeeds("mkdir empty");
  for (const std::string out : {"empty", "new"}) {
    const auto outcome = run(std::string(kTrain) + "--resume --out " + out);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(out + " holds no run to go on with: one begins"));
    EXPECT_TRUE(exists(out + "/model.safetensors"));
  }
}

TEST_F(Output, AnotherNumberOfThreadsIsSaid) {
  succeeds(std::string(kTrain) + "--quiet --out run");
  const auto outcome =
      run("tessera train tokenizer --recipe recipe.toml --data pictures --threads 2 --out run "
          "--resume");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("warning: run goes on with threads 2 (1 before)"));
}

TEST_F(Output, SighupWritesACheckpointUnlessItIsIgnored) {
  const auto begin = in_background("--steps 5000 --out run");
  auto outcome = run(begin + "kill -HUP $first; wait $first; echo $?");
  EXPECT_EQ(outcome.out, "130\n") << outcome.err;
  EXPECT_TRUE(exists("run/training/checkpoint.safetensors"));
  succeeds("rm -r run");
  outcome = run("trap '' HUP; " + begin +
                "kill -HUP $first; sleep 0.3; kill -0 $first && echo lives; kill $first; "
                "wait $first; echo $?");
  EXPECT_EQ(outcome.out, "lives\n130\n") << outcome.err;
}

TEST_F(Output, WhatAKilledRunLeftIsRemovedAtTheNextStart) {
  succeeds(
      "mkdir -p run/training && echo half > run/training/.checkpoint.safetensors.tessera-"
      "0123456789abcdef && echo half > .x.json.tessera-0123456789abcdef");
  EXPECT_NE(leftovers(), "");
  succeeds(std::string(kTrain) + "--quiet --out run --json x.json");
  EXPECT_EQ(leftovers(), "");
}

}  // namespace
}  // namespace tessera
