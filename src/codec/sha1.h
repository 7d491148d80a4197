#pragma once

#include "base/bytes.h"

namespace varve::codec {

/// SHA-1 (FIPS 180-4). Only because mongodump names files by it; never where somebody gains from a collision.
std::array<uint8_t, 20> sha1(ByteView data);

}  // namespace varve::codec
