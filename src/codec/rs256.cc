#include "codec/rs256.h"

#include <openssl/pem.h>

#include "codec/openssl.h"

namespace varve::codec {

namespace {

using Bio = std::unique_ptr<BIO, openssl::Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, openssl::Deleter<EVP_PKEY_free>>;

/// Asks nobody for a password.
int no_password(char*, int, int, void*) {
  return -1;
}

Key parse_key(std::string_view pem) {
  const Bio bio(openssl::must(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  return key && EVP_PKEY_is_a(key.get(), "RSA") == 1 ? std::move(key) : nullptr;
}

}  // namespace

std::optional<Bytes> rs256(std::string_view private_key_pem, ByteView message) {
  const Key key = parse_key(private_key_pem);
  if (!key) return std::nullopt;
  const openssl::MdContext context{openssl::must(EVP_MD_CTX_new())};
  openssl::must(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1);
  size_t size = 0;
  openssl::must(EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1);
  Bytes signature(size);
  openssl::must(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1);
  signature.resize(size);
  return signature;
}

}  // namespace varve::codec
