#include "codec/hmac.h"

#include "codec/openssl.h"

namespace varve::codec {

Id hmac_sha256(ByteView key, ByteView message) {
  Id id;
  const uint8_t none = 0;  // OpenSSL takes a null pointer for no key at all, not for an empty one
  openssl::must(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.empty() ? &none : key.data(), key.size(),
                          message.data(), message.size(), id.bytes.data(), id.bytes.size(), nullptr));
  return id;
}

}  // namespace varve::codec
