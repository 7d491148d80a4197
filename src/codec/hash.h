#pragma once

#include "base/bytes.h"

namespace varve::codec {

/// SipHash-2-4 (Aumasson, Bernstein 2012), 64 bits.
uint64_t siphash24(std::span<const uint8_t, 16> key, ByteView data);

/// HKDF-SHA256 (RFC 5869) to `out`.
void hkdf_sha256(ByteView secret, ByteView salt, std::string_view info, std::span<uint8_t> out);

/// An unsigned 128-bit number; addition and subtraction wrap.
struct UInt128 {
  uint64_t low = 0;
  uint64_t high = 0;

  bool operator==(const UInt128&) const = default;
  UInt128& operator+=(const UInt128& other);
  UInt128& operator-=(const UInt128& other);
  /// 32 hex digits, most significant first.
  std::string hex() const;
  static std::optional<UInt128> parse(std::string_view hex32);
};

/// XXH3, 128 bits, seed 0.
UInt128 xxh3_128(ByteView data);

/// The same under a secret of random bytes, so that who chooses the data does not choose what meets in a table.
using HashSecret = std::array<uint8_t, 192>;
UInt128 xxh3_128(ByteView data, const HashSecret& secret);

/// CRC-64/XZ as mongodump's archives use it: of `data` after what gave `crc` (0 to begin).
uint64_t crc64(ByteView data, uint64_t crc = 0);

}  // namespace varve::codec
