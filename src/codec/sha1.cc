#include "codec/sha1.h"

#include "codec/openssl.h"

namespace varve::codec {

std::array<uint8_t, 20> sha1(ByteView data) {
  std::array<uint8_t, 20> digest;
  openssl::must(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha1(), nullptr) == 1);
  return digest;
}

}  // namespace varve::codec
