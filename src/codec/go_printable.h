#pragma once

namespace varve::codec {

/// Go's strconv.IsPrint: whether strconv.Quote leaves this code point as it is.
bool go_is_print(char32_t rune);

}  // namespace varve::codec
