#include "codec/md5.h"

#include "codec/openssl.h"

namespace varve::codec {

Result<std::array<uint8_t, 16>> md5(std::span<const ByteView> pieces) {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  if (kAlgorithm == nullptr) {
    return fail(
        Error(ErrorKind::kUnsupported, "this machine's OpenSSL has no MD5, by which the server compares what arrives")
            .hint("in FIPS mode it has none; S3, Google, SFTP and REST need none"));
  }
  const openssl::MdContext context{openssl::must(EVP_MD_CTX_new())};
  openssl::must(EVP_DigestInit_ex2(context.get(), kAlgorithm, nullptr) == 1);
  for (const ByteView piece : pieces) {
    openssl::must(EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1);
  }
  std::array<uint8_t, 16> digest;
  openssl::must(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace varve::codec
