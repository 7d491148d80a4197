#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/result.h"

namespace varve::codec {

/// The keys under which a repository's bytes are sealed (restic: AES-256-CTR, then Poly1305-AES over the ciphertext).
struct SealKey {
  std::array<uint8_t, 32> encrypt{};
  std::array<uint8_t, 16> mac_k{};
  std::array<uint8_t, 16> mac_r{};  ///< unclamped
};

inline constexpr size_t kIvSize = 16;        ///< of the initialisation vector, which comes first
inline constexpr size_t kSealOverhead = 32;  ///< the vector before, the MAC after
using Iv = std::array<uint8_t, kIvSize>;

/// A random vector, never all zero (which restic refuses).
Iv random_iv();

/// Appends IV || ciphertext || MAC of `plain` to `out`; kSealOverhead bytes more than `plain`. Thread-safe.
void seal(const SealKey& key, const Iv& iv, ByteView plain, Bytes& out);
/// The same where the plain bytes are: in `out` from `start` + kIvSize to its end, after room for the vector.
void seal_in_place(const SealKey& key, const Iv& iv, Bytes& out, size_t start = 0);

/// The plain bytes of a sealed unit, its MAC checked first and in constant time. kCorrupt if it is too short, was
/// changed, or was sealed under another key. Thread-safe.
Result<Bytes> unseal(const SealKey& key, ByteView unit);
/// The same in pieces, none of them before the MAC of the whole was checked; stops at the first error that `take`
/// gives.
Status unseal(const SealKey& key, ByteView unit, const std::function<Status(ByteView)>& take);

/// restic's key derivation: scrypt to 64 bytes, split as encrypt, mac_k, mac_r. kUnsupported if the parameters are not
/// sane or would cost more than `memory_limit` bytes or 2^26 block operations: checked before anything is paid.
Result<SealKey> derive_key(std::string_view password, ByteView salt, uint64_t n, uint64_t r, uint64_t p,
                           uint64_t memory_limit = 256u << 20);

}  // namespace varve::codec
