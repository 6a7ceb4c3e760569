// Command lines that a generator makes up, run on a file system with faults: whatever a user can do
// ends with exit code 0, 2 or 130, never in an "internal fault" or a crash.
//
//   TESSERA_FUZZ_SECONDS=60 command_lines_test     as scripts/fuzz.sh runs it; default: a few
//   TESSERA_FUZZ_SEED=7 ..                         other command lines; the same seed, the same
//   ones
#include <chrono>
#include <cstdlib>
#include <map>
#include <regex>
#include <sstream>

#include "command_line.h"

namespace tessera {
namespace {

constexpr double kDefaultSeconds = 5;
constexpr int kTimeout = 20;  // seconds until a command gets SIGINT, which must end it

// An option as --help lists it.
struct Option {
  std::string name;
  bool takes_value = false;
};

struct Command {
  std::string words;
  std::vector<std::pair<std::string, std::string>> good;  // arguments with which it succeeds
  std::vector<Option> options;
};

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

double from_environment(const char* name, double otherwise) {
  const char* value = std::getenv(name);
  return value ? std::atof(value) : otherwise;
}

class CommandLines : public CommandLine {
 protected:
  void SetUp() override {
    CommandLine::SetUp();
    fs::current_path(folder_ / ".");
    make_models();
    make_faults();
    for (auto& command : commands_) command.options = options_of(command.words);
  }
  void TearDown() override { fs::current_path("/"); }

  void make_models() {
    train_tokenizer("tok");
    succeeds("tessera encode --quiet --tokenizer tok --data pictures --out tokens.safetensors");
    succeeds(
        "tessera train generator --quiet --recipe recipe.toml --tokens tokens.safetensors --out "
        "gen");
    succeeds(
        "tessera train features --quiet --recipe recipe.toml --data pictures --width 4 --steps 2 "
        "--batch-size 8 --out features");
    succeeds("tessera export pipeline --generator gen --tokenizer tok --out pipeline");
    succeeds("cp '" TESSERA_REFERENCE "'/golden/{vq.pt,gpt.pt,taming.ckpt} .");
    succeeds("tessera import llamagen-vq vq.pt --image-size 32 --quiet --out vq");
  }

  // Names that the file system makes trouble with.
  void make_faults() {
    succeeds(
        "touch empty; head -c 3000 /dev/urandom > junk; mkdir -p folder noclass/a; echo x > file; "
        "ln -s nowhere dangling; ln -s loop loop; mkfifo fifo || true; mkdir full; "
        "cp -r tok cut-model; head -c 4000 tok/model.safetensors > cut-model/model.safetensors; "
        "cp -r gen bad-config; echo '{' > bad-config/config.json; "
        "cp -r tok no-weights; rm no-weights/model.safetensors; "
        "head -c 700 pictures/disc/0.png > cut.png; mkdir sick; cp cut.png sick/; "
        "head -c 900 tokens.safetensors > cut.safetensors; echo '[data' > bad.toml; "
        "echo 'a = 1' > other.toml; chmod 000 empty");
  }

  std::vector<Option> options_of(const std::string& words) {
    const auto help = run("tessera " + words + " --help");
    EXPECT_EQ(help.code, 0) << words;
    static const std::regex line("^ +(?:-h,)?(--[a-z0-9-]+)( [A-Z]+)?");
    std::vector<Option> options;
    std::istringstream lines(help.out);
    for (std::string text; std::getline(lines, text);)
      if (std::smatch found; std::regex_search(text, found, line))
        if (found[1] != "--help") options.push_back({found[1], found[2].matched});
    return options;
  }

  template <typename T>
  const T& any(const std::vector<T>& values) {
    return values[rng_.below(values.size())];
  }

  std::string any_value() {
    static const std::vector<std::string> values = {"",
                                                    " ",
                                                    "-1",
                                                    "-4",
                                                    "0",
                                                    "1",
                                                    "2",
                                                    "3",
                                                    "7",
                                                    "16",
                                                    "17",
                                                    "64",
                                                    "010",
                                                    "0x10",
                                                    "+3",
                                                    "1.5",
                                                    "1e3",
                                                    "nan",
                                                    "inf",
                                                    "-inf",
                                                    "1e308",
                                                    "1e-320",
                                                    "1e400",
                                                    "2147483647",
                                                    "2147483648",
                                                    "-2147483649",
                                                    "4294967296",
                                                    "18446744073709551615",
                                                    "99999999999999999999",
                                                    "100000",
                                                    "4096",
                                                    "65536",
                                                    "abc",
                                                    "3, 4",
                                                    "0,1",
                                                    ",",
                                                    ",,",
                                                    "all",
                                                    "disc",
                                                    "square",
                                                    "disc,square",
                                                    "train",
                                                    "valid",
                                                    "foo",
                                                    "cuda",
                                                    "cpu",
                                                    "-",
                                                    "--",
                                                    "---",
                                                    "=",
                                                    "a=b",
                                                    "a.b=c",
                                                    "tokenizer.codebook_size=3",
                                                    "data.image_size=-1",
                                                    "sampling.cfg=inf",
                                                    "regularizer.weight=nan",
                                                    "generator.dim=99999999999",
                                                    "tokenizer.multipliers=[]",
                                                    "tokenizer.multipliers=[1,2,3,4,5,6]",
                                                    "[1,2]",
                                                    "{}",
                                                    "\"",
                                                    "'",
                                                    "$HOME",
                                                    "*",
                                                    "?",
                                                    "a\nb",
                                                    "a\tb",
                                                    "\xff\xfe",
                                                    "\xc3\xa4",
                                                    "name with blanks",
                                                    std::string(300, 'n'),
                                                    std::string(5000, '9'),
                                                    "tok",
                                                    "gen",
                                                    "features",
                                                    "pipeline",
                                                    "pictures",
                                                    "pictures/disc",
                                                    "pictures/disc/0.png",
                                                    "tokens.safetensors",
                                                    "recipe.toml",
                                                    "other.toml",
                                                    "bad.toml",
                                                    "vq.pt",
                                                    "empty",
                                                    "junk",
                                                    "folder",
                                                    "noclass",
                                                    "file",
                                                    "file/below",
                                                    "dangling",
                                                    "dangling/below",
                                                    "loop",
                                                    "fifo",
                                                    "cut-model",
                                                    "bad-config",
                                                    "no-weights",
                                                    "cut.png",
                                                    "sick",
                                                    "cut.safetensors",
                                                    "nowhere",
                                                    "nowhere/below",
                                                    ".",
                                                    "..",
                                                    "./folder/",
                                                    "new.png",
                                                    "new",
                                                    "new.safetensors",
                                                    "new.npy",
                                                    "new.pt",
                                                    "new/deep/er",
                                                    "*.tar",
                                                    "fashion",
                                                    "B",
                                                    "int8",
                                                    "bf16",
                                                    "constant",
                                                    "interval:0:1",
                                                    "power-cosine:x",
                                                    "10k",
                                                    "9x9",
                                                    "16x16",
                                                    "encoder",
                                                    "help",
                                                    "version"};
    return any(values);
  }

  std::string any_word() {
    static const std::vector<std::string> words = {
        "-v",      "-x",        "--",        "-",           "--no-such", "help", "--rcipe",
        "--seeed", "--quiet=3", "--seed=-1", "--quiet=abc", "--json=",   "-h1"};
    return rng_.below(4) == 0 ? any(words) : any_value();
  }

  // The arguments of a command, some of them changed.
  std::vector<std::string> arguments_of(const Command& command) {
    auto chosen = command.good;
    for (auto changes = rng_.below(4); changes > 0; --changes) {
      const auto at = chosen.empty() ? 0 : rng_.below(chosen.size());
      switch (rng_.below(6)) {
        case 0:
        case 1:
          if (!chosen.empty()) chosen[at].second = any_value();
          break;
        case 2:
          if (!chosen.empty()) chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 3:
          chosen.push_back({"", any_word()});
          break;
        default: {
          if (command.options.empty()) break;  // study report has none but --help
          const auto& option = any(command.options);
          chosen.push_back({option.name, option.takes_value ? any_value() : ""});
        }
      }
    }
    std::vector<std::string> words;
    for (const auto& [name, value] : chosen) {
      if (!name.empty()) words.push_back(name);
      if (!value.empty() || name.empty() || rng_.below(8) == 0) words.push_back(value);
    }
    return words;
  }

  // What surrounds the command: limits, an interrupt, a standard output that is full or closed.
  std::string fault() {
    switch (rng_.below(12)) {
      case 0:
        return "trap '' XFSZ; ulimit -f 1; ";
      case 1:
        return "ulimit -v 2500000; ";
      case 2:
        return "ulimit -n 24; ";
      case 3:
        return "export TMPDIR=nowhere TESSERA_CACHE=file; ";
      case 4:
        return "exec </dev/null; cd folder; ";
      default:
        return "";
    }
  }

  void run_one() {
    const auto& command = any(commands_);
    std::string words = command.words;
    for (const auto& word : arguments_of(command)) words += " " + quoted(word);
    // Memory is bounded, so that no command line can take the machine's.
    const std::string before = "ulimit -v 16000000; " + fault();
    const auto limit =
        rng_.below(10) ? std::to_string(kTimeout) : "0." + std::to_string(1 + rng_.below(9));
    const auto outcome = run("(" + before + "timeout --preserve-status -s INT -k 20 " + limit +
                             " '" TESSERA_PROGRAM "' " + words + " < /dev/null)");
    const auto told = before + "tessera " + words + "\n" + outcome.err;
    EXPECT_TRUE(outcome.code == 0 || outcome.code == 2 || outcome.code == 130)
        << "exit code " << outcome.code << " of " << told;
    for (const auto* never : {"internal fault", "broken promise", "terminate called",
                              "std::", "Could not convert", "000000.000000"})
      EXPECT_THAT(outcome.err, testing::Not(testing::HasSubstr(never))) << told;
    if (outcome.code == 2) {
      const auto last = outcome.err.rfind('\n', outcome.err.size() - 2);
      const auto line = last == std::string::npos ? outcome.err : outcome.err.substr(last + 1);
      EXPECT_THAT(line, testing::StartsWith("tessera: ")) << told;
      EXPECT_GT(line.size(), 12u) << told;
    }
  }

  Rng rng_{static_cast<std::uint64_t>(from_environment("TESSERA_FUZZ_SEED", 1))};
  std::vector<Command> commands_ = {
      {"", {}, {}},
      {"data info", {{"--data", "pictures"}}, {}},
      {"train tokenizer",
       {{"--recipe", "recipe.toml"}, {"--data", "pictures"}, {"--steps", "1"}, {"--out", "new"}},
       {}},
      {"train generator",
       {{"--recipe", "recipe.toml"},
        {"--tokens", "tokens.safetensors"},
        {"--steps", "1"},
        {"--out", "new"}},
       {}},
      {"train features",
       {{"--recipe", "recipe.toml"},
        {"--data", "pictures"},
        {"--steps", "1"},
        {"--width", "4"},
        {"--batch-size", "4"},
        {"--out", "new"}},
       {}},
      {"encode",
       {{"--tokenizer", "tok"}, {"--data", "pictures"}, {"--out", "new.safetensors"}},
       {}},
      {"decode",
       {{"--tokenizer", "tok"}, {"--tokens", "tokens.safetensors"}, {"--out", "new"}},
       {}},
      {"reconstruct", {{"--tokenizer", "tok"}, {"--data", "pictures"}, {"--out", "new.png"}}, {}},
      {"sample",
       {{"--generator", "gen"}, {"--tokenizer", "tok"}, {"--count", "2"}, {"--out", "new.png"}},
       {}},
      {"complete",
       {{"--pipeline", "pipeline"},
        {"--image", "pictures/disc/0.png"},
        {"--keep-rows", "2"},
        {"--count", "1"},
        {"--out", "new.png"}},
       {}},
      {"logits",
       {{"--generator", "gen"}, {"--tokens", "tokens.safetensors"}, {"--out", "new.npy"}},
       {}},
      {"evaluate reconstruction",
       {{"--tokenizer", "tok"}, {"--data", "pictures"}, {"--features", "features"}},
       {}},
      {"evaluate likelihood", {{"--generator", "gen"}, {"--tokens", "tokens.safetensors"}}, {}},
      {"evaluate generation",
       {{"--real", "pictures"}, {"--generated", "pictures"}, {"--features", "features"}},
       {}},
      {"info", {{"", "tok"}}, {}},
      {"quantize", {{"--generator", "gen"}, {"--weights", "int8"}, {"--out", "new"}}, {}},
      {"import llamagen-vq", {{"", "vq.pt"}, {"--image-size", "32"}, {"--out", "new"}}, {}},
      {"import llamagen-gpt",
       {{"", "gpt.pt"},
        {"--heads", "4"},
        {"--grid", "4x4"},
        {"--tokenizer", "vq"},
        {"--out", "new"}},
       {}},
      {"import taming-vqgan", {{"", "taming.ckpt"}, {"--image-size", "32"}, {"--out", "new"}}, {}},
      {"import vgg16-lpips", {{"", "vq.pt"}, {"", "junk"}, {"--out", "new"}}, {}},
      {"export llamagen-vq", {{"", "vq"}, {"--out", "new.pt"}}, {}},
      {"export llamagen-gpt", {{"", "gen"}, {"--out", "new.safetensors"}}, {}},
      {"export pipeline", {{"--generator", "gen"}, {"--tokenizer", "tok"}, {"--out", "new"}}, {}},
      {"flops", {{"--recipe", "recipe.toml"}}, {}},
      {"study run",
       {{"", "other.toml"}, {"--data", "pictures"}, {"--out", "new"}, {"--dry-run", ""}},
       {}},
      {"study fit", {{"", "folder"}}, {}},
      {"study advise", {{"", "folder"}}, {}},
      {"study report", {{"", "folder"}}, {}},
      {"bench loader", {{"--data", "pictures"}, {"--size", "16"}, {"--batch", "8"}}, {}},
  };
};

TEST_F(CommandLines, EndWithAnExitCodeThatIsPromised) {
  const auto begin = std::chrono::steady_clock::now();
  const std::chrono::duration<double> budget(
      from_environment("TESSERA_FUZZ_SECONDS", kDefaultSeconds));
  int runs = 0;
  for (; std::chrono::steady_clock::now() - begin < budget && !HasFatalFailure(); ++runs) {
    run_one();
    // What a command left is gone before the next.
    succeeds("rm -rf new new.* *.partial nohup.out");
  }
  std::printf("%d command lines\n", runs);
  EXPECT_GT(runs, 0);
}

}  // namespace
}  // namespace tessera
