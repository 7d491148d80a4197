#pragma once

#include <cstddef>
#include <string_view>

namespace varve::bson {

/// The size of the UTF-8 character at the front of `text`, which must not be empty; 0 if there is none: overlong forms,
/// surrogates and what lies above U+10FFFF are not UTF-8 (RFC 3629).
size_t utf8_character(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace varve::bson
