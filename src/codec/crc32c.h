#pragma once

#include "base/bytes.h"

namespace varve::codec {

/// CRC-32C (Castagnoli; RFC 3720 §12.1) of `data` after what gave `crc` (0 to begin). By the processor's own
/// instruction where it has one.
uint32_t crc32c(ByteView data, uint32_t crc = 0);

}  // namespace varve::codec
