#include <algorithm>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sodium.h>

#include "codec/seal.h"

namespace varve::codec {

namespace {

constexpr uint64_t kMaxBlocks = 1u << 26;

bool is_power_of_two(uint64_t n) {
  return n > 1 && (n & (n - 1)) == 0;
}

/// What scrypt (RFC 7914) will take. Only for parameters whose product is at most kMaxBlocks.
uint64_t memory_needed(uint64_t n, uint64_t r, uint64_t p) {
  return 128 * r * (n + 2) + 128 * r * p;
}

Status check_cost(uint64_t n, uint64_t r, uint64_t p, uint64_t memory_limit) {
  const auto told = [&] { return fmt::format("scrypt with N={}, r={}, p={}", n, r, p); };
  if (!is_power_of_two(n) || r == 0 || p == 0) {
    return fail(ErrorKind::kUnsupported, told() + " is not possible: N must be a power of two, r and p at least 1");
  }
  if (n > kMaxBlocks || r > kMaxBlocks / n || p > kMaxBlocks / (n * r)) {
    return fail(ErrorKind::kUnsupported, told() + " would take too long");
  }
  if (memory_needed(n, r, p) > memory_limit) {
    return fail(ErrorKind::kUnsupported, fmt::format("{} would take {} MiB of memory, more than the {} MiB allowed",
                                                     told(), memory_needed(n, r, p) >> 20, memory_limit >> 20));
  }
  return {};
}

/// libsodium takes no null pointer, not even for nothing.
const uint8_t* start_of(ByteView bytes) {
  static constexpr uint8_t kNothing = 0;
  return bytes.empty() ? &kNothing : bytes.data();
}

}  // namespace

Result<SealKey> derive_key(std::string_view password, ByteView salt, uint64_t n, uint64_t r, uint64_t p,
                           uint64_t memory_limit) {
  TRY(check_cost(n, r, p, memory_limit));
  // libsodium's takes three quarters of the time of OpenSSL's once it has looked what the processor can do; where it
  // cannot look it only takes longer.
  [[maybe_unused]] static const int looked = ::sodium_init();
  std::array<uint8_t, 64> raw;
  if (::crypto_pwhash_scryptsalsa208sha256_ll(start_of(as_bytes(password)), password.size(), start_of(salt),
                                              salt.size(), n, static_cast<uint32_t>(r), static_cast<uint32_t>(p),
                                              raw.data(), raw.size()) != 0) {
    return fail(ErrorKind::kUnsupported, fmt::format("scrypt with N={}, r={}, p={} is not possible here", n, r, p));
  }
  SealKey key;
  const auto* from = raw.data();
  for (std::span<uint8_t> part : {std::span<uint8_t>(key.encrypt), {key.mac_k}, {key.mac_r}}) {
    std::copy_n(from, part.size(), part.data());
    from += part.size();
  }
  OPENSSL_cleanse(raw.data(), raw.size());
  return key;
}

}  // namespace varve::codec
