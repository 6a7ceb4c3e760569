#include "engine/background_decoder.h"

#include <utility>

namespace tessera {

BackgroundDecoder::BackgroundDecoder(std::function<Picture(std::span<const std::int32_t>)> decode)
    : decode_(std::move(decode)), thread_([this] { work(); }) {}

BackgroundDecoder::~BackgroundDecoder() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundDecoder::add(std::size_t image, std::vector<std::int32_t> tokens) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({image, std::move(tokens), {}});
  }
  changed_.notify_all();
}

std::vector<BackgroundDecoder::Job> BackgroundDecoder::take_done() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return std::exchange(done_, {});
}

void BackgroundDecoder::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [this] { return error_ || !done_.empty() || (waiting_.empty() && !decoding_); });
}

bool BackgroundDecoder::busy() {
  const std::lock_guard lock(mutex_);
  return decoding_ || !waiting_.empty();
}

void BackgroundDecoder::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || (!waiting_.empty() && !error_); });
    if (stop_) return;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    decoding_ = true;
    lock.unlock();
    std::exception_ptr error;
    try {
      job.picture = decode_(job.tokens);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    decoding_ = false;
    if (error)
      error_ = error;
    else
      done_.push_back(std::move(job));
    changed_.notify_all();
  }
}

}  // namespace tessera
