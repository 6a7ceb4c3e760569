// Writes what open_model begins with: write_corpus FOLDER
#include "engine/quantize.h"
#include "engine/tiny_generator_test.h"
#include "engine/tiny_tokenizer_test.h"

namespace {

using namespace tessera;

// Without the weights, which open_model makes up.
std::string header_of(const std::string& safetensors) {
  std::uint64_t length;
  std::memcpy(&length, safetensors.data(), sizeof length);
  return safetensors.substr(0, sizeof length + length);
}

void write_input(const fs::path& path, const fs::path& model, bool weights = false) {
  const auto file = read_file(model / "model.safetensors");
  write_file(path, read_file(model / "config.json") + '\0' + (weights ? file : header_of(file)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const fs::path corpus = argv[1];
  fs::create_directories(corpus);
  const TemporaryFolder folder;
  const GeneratorConfig small{.layers = 1, .heads = 1, .dim = 4, .ffn_multiple = 4};
  const GeneratorShape shape{.vocabulary = 5, .classes = 2, .grid_rows = 2, .grid_columns = 2};
  TinyGenerator(small, shape).write(folder / "small");
  write_input(corpus / "generator-with-weights", folder / "small", true);
  TinyGenerator().write(folder / "generator");
  write_input(corpus / "generator", folder / "generator");
  for (const std::string type : {"bf16", "int8", "int4"}) {
    QuantizeOptions options;
    options.generator = folder / "generator";
    options.weights = type;
    options.out = folder / type;
    quantize_generator(options);
    write_input(corpus / ("generator-" + type), folder / type);
  }
  TinyTokenizer().write(folder / "tokenizer");
  write_input(corpus / "tokenizer", folder / "tokenizer");
}
