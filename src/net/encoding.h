#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace varve::net {

/// As RFC 3986 has it, and Amazon's signatures: all but letters, digits and -._~ in upper-case hex.
std::string percent_encoded(std::string_view text);
/// The same for a path: slashes stay.
std::string percent_encoded_path(std::string_view path);
/// Nothing if a percent sign is not followed by two hex digits. A plus stays one.
std::optional<std::string> percent_decoded(std::string_view text);

/// "a=1&b=" in the order in which it is signed.
std::string query_string(std::vector<std::pair<std::string, std::string>> fields);

}  // namespace varve::net
