#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tessera {

/// Plain text as HTML and SVG show it, in text and in quoted attributes; characters that XML does
/// not allow are left out, bytes that are not UTF-8 are replaced.
std::string escape_html(const std::string& text);

/// JSON for a <script> element: no value can end the element or open a comment.
std::string script_json(const nlohmann::json& json);

std::string base64(std::string_view bytes);

/// SHA-256 of a script as a content security policy names it: 'sha256-...'.
std::string script_hash(std::string_view script);

}  // namespace tessera
