#include "charts/html.h"

#include <openssl/evp.h>

#include "base/error.h"
#include "base/files.h"

namespace tessera {
namespace {

// As json_text does it: invalid bytes become U+FFFD.
std::string valid_utf8(const std::string& text) {
  return nlohmann::json::parse(json_text(text)).get<std::string>();
}

}  // namespace

std::string escape_html(const std::string& text) {
  std::string escaped;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') escaped += c;
    }
  }
  return escaped;
}

std::string script_json(const nlohmann::json& json) {
  std::string text;
  for (const char c : json_text(json))
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  return text;
}

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string script_hash(std::string_view script) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  TESSERA_CHECK(EVP_Digest(script.data(), script.size(), digest, &size, EVP_sha256(), nullptr) ==
                1);
  return "'sha256-" + base64({reinterpret_cast<const char*>(digest), size}) + "'";
}

}  // namespace tessera
