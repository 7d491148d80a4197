#pragma once

#include "base/bytes.h"

namespace varve::codec {

/// MD5 (RFC 1321) of pieces that follow each other. Only because stores compare by it what arrived; never where
/// somebody gains from a collision.
std::array<uint8_t, 16> md5(std::span<const ByteView> pieces);

}  // namespace varve::codec
