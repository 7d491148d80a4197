#pragma once

#include "base/bytes.h"

namespace varve::codec {

/// HMAC-SHA256 (RFC 2104). Thread-safe.
Id hmac_sha256(ByteView key, ByteView message);

}  // namespace varve::codec
