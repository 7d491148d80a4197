#include <bit>

#include "codec/hash.h"

namespace varve::codec {

namespace {

struct SipState {
  uint64_t v0, v1, v2, v3;

  void rounds(int count) {
    while (count-- > 0) {
      v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
      v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
    }
  }
  void take(uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
};

}  // namespace

uint64_t siphash24(std::span<const uint8_t, 16> key, ByteView data) {
  const auto k0 = load_le<uint64_t>(key.data());
  const auto k1 = load_le<uint64_t>(key.data() + 8);
  SipState state{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
  uint64_t last = uint64_t{data.size()} << 56;
  for (; data.size() >= 8; data = data.subspan(8)) state.take(load_le<uint64_t>(data.data()));
  for (size_t i = 0; i < data.size(); ++i) last |= uint64_t{data[i]} << (8 * i);
  state.take(last);
  state.v2 ^= 0xff;
  state.rounds(4);
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace varve::codec
