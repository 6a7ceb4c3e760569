// Names of classes come from folders, archives and labels, whose bytes may be anything. As text
// they are valid UTF-8 without control characters and stay distinct: any other byte is written
// \xNN.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera {

using Names = std::vector<std::string>;

/// Bytes as a class name: ordinary text is itself, byte 255 is "\xff", and what already looks like
/// that ("\x41") gets its backslash written so ("\x5cx41").
std::string class_name_of_bytes(std::string_view bytes);
/// The inverse of class_name_of_bytes; what is no escape is left as it is.
std::string bytes_of_class_name(std::string_view name);

/// A class name as one folder: whatever the name holds, the folder stays inside its parent and is
/// not hidden. "T-shirt/top" is "T-shirt-top", ".x" is "-x", ".." and "" are dashes.
std::string folder_name(const std::string& class_name);
/// folder_name of each, made distinct by "-2", "-3", .. where two would share one.
Names folder_names(const Names& class_names);

/// "a, b and c"; beyond `most`, "a, b, c and 17 more".
std::string listed_names(const Names& names, std::size_t most = 10);

/// The names of one list that the other lacks; a class and the folder written for it are the same.
struct ClassDifference {
  Names only_first, only_second;
  bool none() const { return only_first.empty() && only_second.empty(); }
};
ClassDifference compare_classes(const Names& first, const Names& second);

/// "classes differ: only in A: x; only in B: y and z"; empty where the lists have the same names,
/// or one of them has a single class.
std::string class_mismatch(const std::string& first_set, const Names& first,
                           const std::string& second_set, const Names& second);

/// For each class of `from` its place in `to`, matched by name; -1 where it is missing there.
std::vector<int> match_classes(const Names& from, const Names& to);

}  // namespace tessera
