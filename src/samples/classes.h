#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

/// The class that `text` names, in which \xNN is any byte (base/class_names.h), such as a comma.
/// Throws Error naming the nearest when it is unknown.
std::int64_t parse_class(const std::string& text, const std::vector<std::string>& class_names);

/// The classes that `text` names: "all", or names and numbers (from 0) with commas between. A name
/// wins over a number. Throws Error naming the nearest class when one is unknown.
std::vector<std::int64_t> parse_classes(const std::string& text,
                                        const std::vector<std::string>& class_names);

/// Labels of `count` images, classes as large a part of them as `sizes` says: each is of the class
/// that is furthest behind its part, so that classes of one size come in turn. Throws Error if all
/// are 0.
std::vector<std::int64_t> labels_in_proportion(std::int64_t count,
                                               const std::vector<double>& sizes);

}  // namespace tessera
