#include "formats/pytorch_pickle.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <unordered_map>

#include "base/error.h"

namespace tessera {

using Kind = PickleValue::Kind;

// The stack machine of Python's pickletools.py, whose names for the operations stand beside them.
class PickleReader {
 public:
  PickleReader(std::span<const std::byte> bytes, const fs::path& path)
      : bytes_(bytes), path_(path) {}

  Pickle read() {
    while (next(number<std::uint8_t>()))
      if (at_ > kMostBytes) refuse("is longer than any checkpoint's");
    pickle_.root_ = pop();
    pickle_.size_ = at_;
    return std::move(pickle_);
  }

 private:
  static constexpr std::size_t kMostValues = 2'000'000;  // checkpoints hold some ten thousand
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;

  [[noreturn]] void refuse(const std::string& problem) const {
    throw FileError(path_, "is not a checkpoint that Tessera reads: its pickle " + problem +
                               " at byte " + std::to_string(at_));
  }

  // --- the bytes
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > bytes_.size() - at_) refuse("ends too early");
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string text(std::uint64_t count) {
    if (count > kMostBytes) refuse("holds a text longer than any checkpoint's");
    const auto part = take(count);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  std::string line() {
    const auto* begin = bytes_.data() + at_;
    const auto* end =
        at_ == bytes_.size() ? nullptr : std::memchr(begin, '\n', bytes_.size() - at_);
    if (!end) refuse("ends too early");
    auto result = text(static_cast<std::uint64_t>(static_cast<const std::byte*>(end) - begin));
    ++at_;
    return result;
  }
  std::int64_t whole_line() {
    std::string digits = line();
    if (digits.ends_with('L')) digits.pop_back();  // as Python 2 wrote long integers
    std::int64_t value = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || stop != end)
      refuse("holds '" + json_text(digits) + "' as a number");
    return value;
  }

  // --- the stack
  PickleId add(PickleValue value) {
    if (pickle_.values_.size() == kMostValues)
      refuse("holds over " + std::to_string(kMostValues) + " values");
    pickle_.values_.push_back(std::move(value));
    return static_cast<PickleId>(pickle_.values_.size() - 1);
  }
  void push(PickleValue value) { stack_.push_back(add(std::move(value))); }
  PickleId pop() {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() == floor) refuse("takes from an empty stack");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  void drop() {
    if (!marks_.empty() && marks_.back() == stack_.size())
      marks_.pop_back();
    else
      pop();
  }
  PickleId top() {
    const PickleId id = pop();
    stack_.push_back(id);
    return id;
  }
  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) refuse("misses a mark");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleId> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleId> pop_items(std::size_t count) {
    std::vector<PickleId> items(count);
    for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
    return items;
  }

  // --- values
  void push_integer(std::int64_t value) { push({.kind = Kind::integer, .integer = value}); }
  void push_boolean(bool value) { push({.kind = Kind::boolean, .integer = value}); }
  void push_real(double value) { push({.kind = Kind::real, .real = value}); }
  void push_text(std::string value) { push({.kind = Kind::text, .text = std::move(value)}); }
  void push_bytes(std::string value) { push({.kind = Kind::bytes, .text = std::move(value)}); }
  void push_sequence(std::vector<PickleId> items) {
    push({.kind = Kind::sequence, .items = std::move(items)});
  }
  void push_mapping(std::vector<PickleId> items) {
    if (items.size() % 2) refuse("holds a key without a value");
    push({.kind = Kind::mapping, .items = std::move(items)});
  }
  void push_object(PickleId callee, PickleId arguments) {
    push({.kind = Kind::object, .callee = callee, .arguments = arguments});
  }
  void push_long(std::uint64_t count) {
    const std::string digits = text(count);
    if (count > 8) return push({.kind = Kind::big, .text = digits});
    std::int64_t value = !digits.empty() && (digits.back() & 0x80) ? -1 : 0;  // the sign extends
    std::memcpy(&value, digits.data(), digits.size());
    push_integer(value);
  }
  void push_line_real() {
    const std::string digits = line();
    double value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    push_real(value);
  }
  static std::string unquoted(const std::string& text) {
    return text.size() >= 2 ? text.substr(1, text.size() - 2) : text;
  }
  // INT, where 00 and 01 are False and True.
  void push_line_integer() {
    const bool truth = at_ + 2 < bytes_.size() && bytes_[at_] == std::byte{'0'} &&
                       bytes_[at_ + 1] != std::byte{'\n'} && bytes_[at_ + 2] == std::byte{'\n'};
    const auto value = whole_line();
    truth ? push_boolean(value != 0) : push_integer(value);
  }
  std::string global_line() {
    std::string module = line();
    return module + " " + line();
  }
  std::string stack_global() {
    const auto names = pop_items(2);
    const auto name = [&](PickleId id) -> const std::string& { return pickle_.values_[id].text; };
    return name(names[0]) + " " + name(names[1]);
  }
  PickleId global(std::string name) { return add({.kind = Kind::global, .text = std::move(name)}); }
  PickleId sequence(std::vector<PickleId> items) {
    return add({.kind = Kind::sequence, .items = std::move(items)});
  }
  // Appends to a list, dictionary, set, or what a class makes into one.
  void put_into_top(const std::vector<PickleId>& items, Kind kind) {
    auto& target = pickle_.values_[top()];
    if (target.kind != kind && target.kind != Kind::object) refuse("puts items into a plain value");
    if (kind == Kind::mapping && items.size() % 2) refuse("holds a key without a value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }
  void build() {
    const PickleId state = pop();
    pickle_.values_[top()].state = state;
  }
  void push_new_object_ex() {
    const auto parts = pop_items(3);  // class, arguments, keyword arguments
    push_object(parts[0], parts[1]);
  }

  // --- the memo
  void remember(std::uint32_t key) { memo_[key] = top(); }
  void recall(std::uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) refuse("refers to a value that it does not hold");
    stack_.push_back(found->second);
  }

  // Does one operation; false at the end.
  bool next(std::uint8_t operation);
  void next_value(std::uint8_t operation);
  void next_container(std::uint8_t operation);
  void next_object(std::uint8_t operation);

  std::span<const std::byte> bytes_;
  fs::path path_;
  std::size_t at_ = 0;
  Pickle pickle_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint32_t, PickleId> memo_;
};

// clang-format off
bool PickleReader::next(std::uint8_t operation) {
  switch (operation) {
    case 0x80: take(1); break;                                   // PROTO
    case 0x95: take(8); break;                                   // FRAME
    case '.': return false;                                      // STOP
    case '(': marks_.push_back(stack_.size()); break;            // MARK
    case '0': drop(); break;                                     // POP
    case '1': pop_to_mark(); break;                              // POP_MARK
    case '2': stack_.push_back(top()); break;                    // DUP
    case 'p': remember(static_cast<std::uint32_t>(whole_line())); break;               // PUT
    case 'q': remember(number<std::uint8_t>()); break;           // BINPUT
    case 'r': remember(number<std::uint32_t>()); break;          // LONG_BINPUT
    case 0x94: remember(static_cast<std::uint32_t>(memo_.size())); break;              // MEMOIZE
    case 'g': recall(static_cast<std::uint32_t>(whole_line())); break;                 // GET
    case 'h': recall(number<std::uint8_t>()); break;             // BINGET
    case 'j': recall(number<std::uint32_t>()); break;            // LONG_BINGET
    default: next_value(operation);
  }
  return true;
}

void PickleReader::next_value(std::uint8_t operation) {
  switch (operation) {
    case 'N': push({}); break;                                   // NONE
    case 0x88: push_boolean(true); break;                        // NEWTRUE
    case 0x89: push_boolean(false); break;                       // NEWFALSE
    case 'I': push_line_integer(); break;                        // INT
    case 'L': push_integer(whole_line()); break;                 // LONG
    case 'J': push_integer(number<std::int32_t>()); break;       // BININT
    case 'K': push_integer(number<std::uint8_t>()); break;       // BININT1
    case 'M': push_integer(number<std::uint16_t>()); break;      // BININT2
    case 0x8a: push_long(number<std::uint8_t>()); break;         // LONG1
    case 0x8b: push_long(number<std::uint32_t>()); break;        // LONG4
    case 'F': push_line_real(); break;                           // FLOAT
    case 'G': push_real(std::bit_cast<double>(__builtin_bswap64(number<std::uint64_t>()))); break;
    case 'S': push_text(unquoted(line())); break;                // STRING
    case 'V': push_text(line()); break;                          // UNICODE
    case 'T': case 'X': push_text(text(number<std::uint32_t>())); break;     // BINSTRING, BINUNICODE
    case 'U': case 0x8c: push_text(text(number<std::uint8_t>())); break;     // SHORT_BINSTRING, ..
    case 0x8d: push_text(text(number<std::uint64_t>())); break;  // BINUNICODE8
    case 'B': push_bytes(text(number<std::uint32_t>())); break;  // BINBYTES
    case 'C': push_bytes(text(number<std::uint8_t>())); break;   // SHORT_BINBYTES
    case 0x8e: case 0x96: push_bytes(text(number<std::uint64_t>())); break;  // BINBYTES8, BYTEARRAY8
    default: next_container(operation);
  }
}

void PickleReader::next_container(std::uint8_t operation) {
  switch (operation) {
    case ']': case ')': case 0x8f: push_sequence({}); break;     // EMPTY_LIST, _TUPLE, _SET
    case 'l': case 't': case 0x91: push_sequence(pop_to_mark()); break;      // LIST, TUPLE, FROZENSET
    case 0x85: push_sequence(pop_items(1)); break;               // TUPLE1
    case 0x86: push_sequence(pop_items(2)); break;               // TUPLE2
    case 0x87: push_sequence(pop_items(3)); break;               // TUPLE3
    case '}': push_mapping({}); break;                           // EMPTY_DICT
    case 'd': push_mapping(pop_to_mark()); break;                // DICT
    case 'a': put_into_top(pop_items(1), Kind::sequence); break; // APPEND
    case 'e': case 0x90: put_into_top(pop_to_mark(), Kind::sequence); break; // APPENDS, ADDITEMS
    case 's': put_into_top(pop_items(2), Kind::mapping); break;  // SETITEM
    case 'u': put_into_top(pop_to_mark(), Kind::mapping); break; // SETITEMS
    default: next_object(operation);
  }
}

void PickleReader::next_object(std::uint8_t operation) {
  std::vector<PickleId> items;
  switch (operation) {
    case 'c': push({.kind = Kind::global, .text = global_line()}); break;    // GLOBAL
    case 0x93: push({.kind = Kind::global, .text = stack_global()}); break;  // STACK_GLOBAL
    case 'R': case 0x81: items = pop_items(2); push_object(items[0], items[1]); break;  // REDUCE, NEWOBJ
    case 0x92: push_new_object_ex(); break;                      // NEWOBJ_EX
    case 'b': build(); break;                                    // BUILD
    case 'i': { const auto name = global(global_line());         // INST
                push_object(name, sequence(pop_to_mark())); break; }
    case 'o': items = pop_to_mark();                             // OBJ
              if (items.empty()) refuse("makes an object of no class");
              push_object(items[0], sequence({items.begin() + 1, items.end()})); break;
    case 'P': { const auto id = add({.kind = Kind::text, .text = line()});   // PERSID
                push({.kind = Kind::persistent, .arguments = id}); break; }
    case 'Q': push({.kind = Kind::persistent, .arguments = pop()}); break;   // BINPERSID
    default: --at_; refuse("has an operation " + std::to_string(operation) + ", which no checkpoint needs,");
  }
}
// clang-format on

Pickle Pickle::read(std::span<const std::byte> bytes, const fs::path& path) {
  return PickleReader(bytes, path).read();
}

std::string_view Pickle::text(PickleId id) const {
  if (id == kNoPickleId) return {};
  const auto& value = (*this)[id];
  return value.kind == Kind::text || value.kind == Kind::global ? value.text : std::string_view();
}

std::string_view Pickle::callee(PickleId id) const {
  return id != kNoPickleId && (*this)[id].kind == Kind::object ? text((*this)[id].callee)
                                                               : std::string_view();
}

std::span<const PickleId> Pickle::sequence(PickleId id) const {
  if (id == kNoPickleId || (*this)[id].kind != Kind::sequence) return {};
  return (*this)[id].items;
}

}  // namespace tessera
