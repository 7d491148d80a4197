#include "codec/hmac.h"

#include "codec/openssl.h"

namespace varve::codec {

Id hmac_sha256(ByteView key, ByteView message) {
  Id id;
  openssl::must(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), message.data(),
                          message.size(), id.bytes.data(), id.bytes.size(), nullptr));
  return id;
}

}  // namespace varve::codec
