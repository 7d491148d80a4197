#pragma once

#include "base/bytes.h"

namespace varve::codec {

/// Standard alphabet with padding (RFC 4648 §4).
std::string base64(ByteView data);
/// Nothing unless `text` is canonical padded base64.
std::optional<Bytes> from_base64(std::string_view text);
/// URL-safe alphabet without padding (RFC 4648 §5).
std::string base64_url(ByteView data);

}  // namespace varve::codec
