#pragma once

#include <string>
#include <string_view>

namespace varve::codec {

/// A JSON string literal, quotes included, exactly as Go's encoding/json writes it with HTML escaping on: < > & and
/// U+2028/9 escaped, invalid UTF-8 replaced by U+FFFD.
std::string go_json_string(std::string_view text);

/// A file name as restic puts it into a tree, before JSON: Go's strconv.Quote without the outer quotes.
std::string go_quote(std::string_view name);
/// The reverse; false if `quoted` is not something that Go's strconv.Unquote takes between quotes.
bool go_unquote(std::string_view quoted, std::string& name);

}  // namespace varve::codec
