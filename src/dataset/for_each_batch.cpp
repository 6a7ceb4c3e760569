#include <algorithm>
#include <span>
#include <string>

#include "base/error.h"
#include "base/progress.h"
#include "dataset/loader.h"
#include "dataset/prefetch.h"

namespace tessera {
namespace {

// A run of images as read, the corrupt ones left out.
struct Chunk {
  ImageBatch batch;
  std::size_t corrupt = 0;
  std::string problem;  // of the first corrupt one
};

Chunk read_chunk(const ImageSet& images, int side, std::span<const std::size_t> indices) {
  const std::size_t image_size = static_cast<std::size_t>(side) * side * 3;
  Chunk chunk;
  chunk.batch.side = side;
  chunk.batch.pixels.resize(indices.size() * image_size);
  float* target = chunk.batch.pixels.data();
  for (const auto index : indices) {
    try {
      images.read(index, side, target);
    } catch (const FileError& error) {
      if (chunk.corrupt++ == 0) chunk.problem = error.what();
      continue;
    }
    target += image_size;
    chunk.batch.labels.push_back(images.label(index));
    chunk.batch.indices.push_back(index);
  }
  chunk.batch.pixels.resize(chunk.batch.indices.size() * image_size);
  return chunk;
}

void append(ImageBatch& batch, const ImageBatch& more, std::size_t from, std::size_t count) {
  const std::size_t image_size = static_cast<std::size_t>(batch.side) * batch.side * 3;
  const auto copy = [&](auto& target, const auto& source, std::size_t unit) {
    const auto begin = source.begin() + static_cast<std::ptrdiff_t>(from * unit);
    target.insert(target.end(), begin, begin + static_cast<std::ptrdiff_t>(count * unit));
  };
  copy(batch.pixels, more.pixels, image_size);
  copy(batch.labels, more.labels, 1);
  copy(batch.indices, more.indices, 1);
}

std::vector<std::size_t> evenly_spread(std::size_t images, std::size_t limit) {
  std::vector<std::size_t> indices(limit == 0 ? images : std::min(limit, images));
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = i * images / indices.size();
  return indices;
}

}  // namespace

std::size_t for_each_batch(const ImageSet& images, const DataConfig& config, int batch_size,
                           std::size_t limit, const std::function<void(const ImageBatch&)>& use) {
  TESSERA_CHECK(batch_size > 0);
  const auto indices = evenly_spread(images.size(), limit);
  const auto size = static_cast<std::size_t>(batch_size);
  const std::size_t chunks = (indices.size() + size - 1) / size;
  const int side = config.image_size;
  Prefetch<Chunk> reading(0, static_cast<std::int64_t>(chunks), std::max(1, config.loader_threads),
                          [&](std::int64_t chunk) {
                            const auto begin = static_cast<std::size_t>(chunk) * size;
                            return read_chunk(images, side,
                                              std::span(indices).subspan(
                                                  begin, std::min(size, indices.size() - begin)));
                          });
  ImageBatch pending{side, {}, {}, {}};
  std::size_t used = 0, corrupt = 0;
  const auto use_pending = [&] {
    use(pending);
    used += pending.indices.size();
    pending = {side, {}, {}, {}};
  };
  for (std::size_t i = 0; i < chunks; ++i) {
    const Chunk chunk = reading.next();
    if (corrupt == 0 && chunk.corrupt > 0)
      say("warning: " + chunk.problem + " (skipped; more are counted silently)");
    corrupt += chunk.corrupt;
    const std::size_t got = chunk.batch.indices.size();
    const std::size_t fitting = std::min(got, size - pending.indices.size());
    append(pending, chunk.batch, 0, fitting);
    if (pending.indices.size() == size) use_pending();
    append(pending, chunk.batch, fitting, got - fitting);
  }
  if (!pending.indices.empty()) use_pending();
  if (used == 0)
    throw Error("none of the " + std::to_string(indices.size()) + " images can be read");
  return corrupt;
}

}  // namespace tessera
