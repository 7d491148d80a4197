#include "codec/hash.h"

namespace varve::codec {

namespace {

constexpr size_t kSlices = 16;
using Table = std::array<uint64_t, 256>;

/// Slicing by sixteen (after Kounavis, Berry 2005): tables[k][b] is what byte b does to the sum k bytes later.
constexpr std::array<Table, kSlices> make_tables() {
  constexpr uint64_t kReflected = 0xc96c5795d7870f42;  // ECMA-182's polynomial, lowest bit first
  std::array<Table, kSlices> tables{};
  for (uint64_t b = 0; b < 256; ++b) {
    uint64_t value = b;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? kReflected : 0);
    tables[0][b] = value;
  }
  for (size_t k = 1; k < kSlices; ++k) {
    for (size_t b = 0; b < 256; ++b) tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 255];
  }
  return tables;
}
constexpr auto kTables = make_tables();

/// The eight bytes of `word`, of which the last is followed by `after` more.
uint64_t fold(uint64_t word, size_t after) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value ^= kTables[after + 7 - i][word >> (8 * i) & 255];
  return value;
}

}  // namespace

uint64_t crc64(ByteView data, uint64_t crc) {
  uint64_t sum = ~crc;
  for (; data.size() >= kSlices; data = data.subspan(kSlices)) {
    sum = fold(load_le<uint64_t>(data.data()) ^ sum, 8) ^ fold(load_le<uint64_t>(data.data() + 8), 0);
  }
  for (uint8_t b : data) sum = sum >> 8 ^ kTables[0][(sum ^ b) & 255];
  return ~sum;
}

}  // namespace varve::codec
