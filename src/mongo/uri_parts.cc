#include "mongo/uri_parts.h"

#include <algorithm>

#include <strings.h>

#include "base/bytes.h"

namespace varve::mongo {

namespace {

bool same_name(const std::string& a, const std::string& b) {
  return ::strcasecmp(a.c_str(), b.c_str()) == 0;
}

/// Where user and password end: the last @ before the options, or the last of all where the only one is behind a
/// question mark that should have been encoded.
size_t end_of_login(const std::string& rest) {
  const size_t at = rest.rfind('@', rest.find('?'));
  return at != std::string::npos ? at : rest.rfind('@', rest.find("/?"));
}

void cut_login(const std::string& login, UriParts& parts) {
  const size_t colon = login.find(':');
  parts.user = login.substr(0, colon);
  if (colon != std::string::npos) parts.password = login.substr(colon + 1);
}

void cut_options(const std::string& text, UriParts& parts) {
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find_first_of("&;", begin), text.size());
    const std::string option = text.substr(begin, end - begin);
    const size_t equals = option.find('=');
    if (!option.empty()) {
      parts.options.emplace_back(option.substr(0, equals),
                                 equals == std::string::npos ? "" : option.substr(equals + 1));
    }
    begin = end + 1;
  }
}

}  // namespace

std::optional<std::string> UriParts::option(const std::string& name) const {
  for (const auto& [key, value] : options) {
    if (same_name(key, name)) return value;
  }
  return std::nullopt;
}

void UriParts::remove_option(const std::string& name) {
  std::erase_if(options, [&](const auto& option) { return same_name(option.first, name); });
}

std::string UriParts::text() const {
  std::string out = scheme;
  if (user) {
    out += *user;
    if (password) out += ":" + *password;
    out += "@";
  }
  out += hosts + "/" + database;
  char separator = '?';
  for (const auto& [key, value] : options) {
    out += separator + key + "=" + value;
    separator = '&';
  }
  return out;
}

std::optional<UriParts> cut_uri(const std::string& text) {
  UriParts parts;
  for (const char* scheme : {"mongodb://", "mongodb+srv://"}) {
    if (text.starts_with(scheme)) parts.scheme = scheme;
  }
  if (parts.scheme.empty()) return std::nullopt;
  std::string rest = text.substr(parts.scheme.size());
  if (const size_t at = end_of_login(rest); at != std::string::npos) {
    cut_login(rest.substr(0, at), parts);
    rest.erase(0, at + 1);
  }
  const size_t hosts_end = std::min(rest.find_first_of("/?"), rest.size());
  parts.hosts = rest.substr(0, hosts_end);
  rest.erase(0, hosts_end);
  if (rest.starts_with('/')) rest.erase(0, 1);
  const size_t question = std::min(rest.find('?'), rest.size());
  parts.database = rest.substr(0, question);
  if (question < rest.size()) cut_options(rest.substr(question + 1), parts);
  return parts;
}

std::string percent_encode(const std::string& plain) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
  std::string out;
  for (const char c : plain) {
    const auto byte = static_cast<uint8_t>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string percent_decode(const std::string& encoded) {
  std::string out;
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] == '%' && i + 2 < encoded.size()) {
      if (const auto byte = from_hex(encoded.substr(i + 1, 2)); byte && byte->size() == 1) {
        out += static_cast<char>((*byte)[0]);
        i += 2;
        continue;
      }
    }
    out += encoded[i];
  }
  return out;
}

}  // namespace varve::mongo
