#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "tessera/engine.h"

namespace tessera {

/// Decodes tokens on a thread of its own, so that the next images' tokens are drawn meanwhile:
/// drawing tokens reads memory, decoding computes, and together they use both.
class BackgroundDecoder {
 public:
  struct Job {
    std::size_t image;
    std::vector<std::int32_t> tokens;  ///< of the first rows, or of all
    Picture picture;                   ///< what becomes of them
  };

  /// `decode` is called for one job at a time, from the background thread.
  explicit BackgroundDecoder(std::function<Picture(std::span<const std::int32_t>)> decode);
  ~BackgroundDecoder();  ///< drops what waits
  BackgroundDecoder(const BackgroundDecoder&) = delete;
  BackgroundDecoder& operator=(const BackgroundDecoder&) = delete;

  void add(std::size_t image, std::vector<std::int32_t> tokens);
  /// Jobs that are done, in the order of add(). Throws what `decode` threw.
  std::vector<Job> take_done();
  /// Waits until a job is done or has failed, or there is nothing to do.
  void wait();
  /// Whether there is anything to do.
  bool busy();

 private:
  void work();

  std::function<Picture(std::span<const std::int32_t>)> decode_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  std::vector<Job> done_;
  bool decoding_ = false, stop_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace tessera
