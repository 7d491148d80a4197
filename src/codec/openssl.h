#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

// Only for the .cc files of this room. Algorithms are fetched once, in function-local statics: since OpenSSL 3 a fetch
// takes locks and walks providers, which costs more than hashing a small blob.

namespace varve::codec::openssl {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using MdContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Deleter<EVP_CIPHER_CTX_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Deleter<EVP_MAC_CTX_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Deleter<EVP_KDF_CTX_free>>;

/// Ends the process if OpenSSL refuses what cannot be refused: memory is out or the installation lacks an algorithm,
/// and no bytes made after that could be trusted.
inline void must(bool ok) {
  if (ok) return;
  ERR_print_errors_fp(stderr);
  std::fputs("varve: OpenSSL failed\n", stderr);
  std::abort();
}
template <typename T>
T* must(T* p) {
  must(p != nullptr);
  return p;
}

}  // namespace varve::codec::openssl
