#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace varve::codec {

/// MD5 (RFC 1321) of pieces that follow each other. Only because stores compare by it what arrived; never where
/// somebody gains from a collision. kUnsupported where this machine's OpenSSL has none, as in FIPS mode.
Result<std::array<uint8_t, 16>> md5(std::span<const ByteView> pieces);

}  // namespace varve::codec
