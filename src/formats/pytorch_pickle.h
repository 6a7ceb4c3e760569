#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"

namespace tessera {

/// The place of a value in its Pickle. Values refer to each other by place, so shared and even
/// circular ones need no care when they are freed.
using PickleId = std::uint32_t;
constexpr PickleId kNoPickleId = std::numeric_limits<PickleId>::max();

/// A value of a pickle. Nothing of it has been executed: a class is its name, a call is what would
/// have been called with what.
struct PickleValue {
  enum class Kind {
    none,
    boolean,     ///< integer
    integer,     ///< integer
    big,         ///< text: little-endian two's complement of more than eight bytes
    real,        ///< real
    text,        ///< text
    bytes,       ///< text
    sequence,    ///< items: a list, tuple or set
    mapping,     ///< items: key, value, key, value, ..
    global,      ///< text: "module name"
    object,      ///< items: what was put into it, as a mapping or a sequence; callee, arguments
    persistent,  ///< arguments: an identifier that means something to the program that wrote it
  };
  Kind kind = Kind::none;
  PickleId callee = kNoPickleId, arguments = kNoPickleId, state = kNoPickleId;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<PickleId> items;
};

/// A pickle of any protocol up to 5, as torch.save writes and much more, read without executing
/// anything.
class Pickle {
 public:
  /// Reads one pickle from the beginning of `bytes`. Throws FileError about `path` when it is
  /// damaged, or uses what no checkpoint needs (extension codes, buffers outside the pickle).
  static Pickle read(std::span<const std::byte> bytes, const fs::path& path);

  PickleId root() const { return root_; }
  PickleId values() const { return static_cast<PickleId>(values_.size()); }
  const PickleValue& operator[](PickleId id) const { return values_.at(id); }
  /// Bytes from the beginning to the end of the pickle.
  std::size_t size() const { return size_; }
  /// The text of a string or the name of a class ("torch._utils _rebuild_tensor_v2"), else empty.
  std::string_view text(PickleId id) const;
  /// For a call, the name of what is called; else empty.
  std::string_view callee(PickleId id) const;
  /// The items of a sequence, else none.
  std::span<const PickleId> sequence(PickleId id) const;

 private:
  friend class PickleReader;
  std::vector<PickleValue> values_;
  PickleId root_ = kNoPickleId;
  std::size_t size_ = 0;
};

}  // namespace tessera
