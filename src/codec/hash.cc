#include "codec/hash.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <xxhash.h>

#include "codec/openssl.h"

namespace varve::codec {

void hkdf_sha256(ByteView secret, ByteView salt, std::string_view info, std::span<uint8_t> out) {
  static EVP_KDF* const kHkdf = openssl::must(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const openssl::KdfContext context(openssl::must(EVP_KDF_CTX_new(kHkdf)));
  // OpenSSL only reads these; its parameter type has no const form.
  const auto octets = [](const char* name, const void* data, size_t size) {
    static char none;
    return OSSL_PARAM_construct_octet_string(name, size > 0 ? const_cast<void*>(data) : &none, size);
  };
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      octets(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      octets(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end(),
  };
  openssl::must(EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1);
}

UInt128& UInt128::operator+=(const UInt128& other) {
  const uint64_t carry = low + other.low < low ? 1 : 0;
  high += other.high + carry;
  low += other.low;
  return *this;
}

UInt128& UInt128::operator-=(const UInt128& other) {
  high -= other.high + (low < other.low ? 1 : 0);
  low -= other.low;
  return *this;
}

std::string UInt128::hex() const {
  std::array<uint8_t, 16> bytes;
  for (unsigned i = 0; i < 8; ++i) {
    bytes[i] = static_cast<uint8_t>(high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<uint8_t>(low >> (56 - 8 * i));
  }
  return to_hex(bytes);
}

std::optional<UInt128> UInt128::parse(std::string_view hex32) {
  const auto raw = from_hex(hex32);
  if (!raw || raw->size() != 16) return std::nullopt;
  UInt128 value;
  for (size_t i = 0; i < 8; ++i) {
    value.high = value.high << 8 | (*raw)[i];
    value.low = value.low << 8 | (*raw)[8 + i];
  }
  return value;
}

UInt128 xxh3_128(ByteView data) {
  const XXH128_hash_t hash = XXH3_128bits(data.data(), data.size());
  return {.low = hash.low64, .high = hash.high64};
}

UInt128 xxh3_128(ByteView data, const HashSecret& secret) {
  const XXH128_hash_t hash = XXH3_128bits_withSecret(data.data(), data.size(), secret.data(), secret.size());
  return {.low = hash.low64, .high = hash.high64};
}

}  // namespace varve::codec
