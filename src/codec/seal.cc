#include "codec/seal.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "codec/openssl.h"

namespace varve::codec {

namespace {

using Mac = std::array<uint8_t, 16>;

// Small enough that the ciphertext is still in the second-level cache when its MAC is computed.
constexpr size_t kPiece = 64u << 10;

const EVP_CIPHER* fetch_cipher(const char* name) {
  return openssl::must(EVP_CIPHER_fetch(nullptr, name, nullptr));
}

/// One AES-128 block: what Poly1305-AES (Bernstein 2005) adds to the polynomial's value.
Mac encrypt_block(const std::array<uint8_t, 16>& key, const uint8_t* block) {
  static const EVP_CIPHER* const kAes128 = fetch_cipher("AES-128-ECB");
  const openssl::CipherContext context(openssl::must(EVP_CIPHER_CTX_new()));
  Mac out;
  int length = 0;
  openssl::must(EVP_EncryptInit_ex2(context.get(), kAes128, key.data(), nullptr, nullptr) == 1);
  openssl::must(EVP_EncryptUpdate(context.get(), out.data(), &length, block, 16) == 1 && length == 16);
  return out;
}

class Poly1305Aes {
 public:
  Poly1305Aes(const SealKey& key, const uint8_t* iv) : context_(openssl::must(EVP_MAC_CTX_new(algorithm()))) {
    std::array<uint8_t, 32> once;
    std::ranges::copy(key.mac_r, once.begin());
    std::ranges::copy(encrypt_block(key.mac_k, iv), once.begin() + 16);
    openssl::must(EVP_MAC_init(context_.get(), once.data(), once.size(), nullptr) == 1);
    OPENSSL_cleanse(once.data(), once.size());
  }
  void update(ByteView piece) { openssl::must(EVP_MAC_update(context_.get(), piece.data(), piece.size()) == 1); }
  void finish(uint8_t* out) {
    size_t length = 0;
    openssl::must(EVP_MAC_final(context_.get(), out, &length, sizeof(Mac)) == 1 && length == sizeof(Mac));
  }

 private:
  static EVP_MAC* algorithm() {
    static EVP_MAC* const kFetched = openssl::must(EVP_MAC_fetch(nullptr, "POLY1305", nullptr));
    return kFetched;
  }
  openssl::MacContext context_;
};

/// AES-256-CTR; the vector is the first counter block, counted up over its full width.
class Aes256Ctr {
 public:
  Aes256Ctr(const SealKey& key, const uint8_t* iv) : context_(openssl::must(EVP_CIPHER_CTX_new())) {
    static const EVP_CIPHER* const kAes256 = fetch_cipher("AES-256-CTR");
    openssl::must(EVP_EncryptInit_ex2(context_.get(), kAes256, key.encrypt.data(), iv, nullptr) == 1);
  }
  /// At most 1 GiB at once; encrypts and decrypts alike.
  void apply(ByteView in, uint8_t* out) {
    int length = 0;
    openssl::must(EVP_EncryptUpdate(context_.get(), out, &length, in.data(), static_cast<int>(in.size())) == 1);
  }

 private:
  openssl::CipherContext context_;
};

/// The ciphertext of a unit that is as it was sealed.
Result<ByteView> text_of(const SealKey& key, ByteView unit) {
  if (unit.size() < kSealOverhead) return fail(ErrorKind::kCorrupt, "sealed data is too short");
  const ByteView text = unit.subspan(kIvSize, unit.size() - kSealOverhead);
  Mac expected;
  Poly1305Aes mac(key, unit.data());
  mac.update(text);
  mac.finish(expected.data());
  if (CRYPTO_memcmp(expected.data(), unit.last(expected.size()).data(), expected.size()) != 0) {
    return fail(ErrorKind::kCorrupt, "sealed data was changed or belongs to another key: its MAC is wrong");
  }
  return text;
}

}  // namespace

Iv random_iv() {
  Iv iv{};
  while (iv == Iv{}) random_bytes(iv);
  return iv;
}

void seal(const SealKey& key, const Iv& iv, ByteView plain, Bytes& out) {
  const size_t start = out.size();
  out.reserve(start + plain.size() + kSealOverhead);
  out.resize(start + kIvSize);
  append(out, plain);
  seal_in_place(key, iv, out, start);
}

void seal_in_place(const SealKey& key, const Iv& iv, Bytes& out, size_t start) {
  size_t left = out.size() - start - kIvSize;
  out.resize(out.size() + sizeof(Mac));
  uint8_t* at = out.data() + start;
  at = std::ranges::copy(iv, at).out;
  Aes256Ctr cipher(key, iv.data());
  Poly1305Aes mac(key, iv.data());
  while (left > 0) {
    const ByteView piece(at, std::min(left, kPiece));
    cipher.apply(piece, at);
    mac.update(piece);
    at += piece.size();
    left -= piece.size();
  }
  mac.finish(at);
}

Result<Bytes> unseal(const SealKey& key, ByteView unit) {
  TRY_ASSIGN(ByteView text, text_of(key, unit));
  Aes256Ctr cipher(key, unit.data());
  Bytes plain(text.size());
  for (uint8_t* to = plain.data(); !text.empty();) {
    const ByteView piece = text.first(std::min(text.size(), kPiece));
    cipher.apply(piece, to);
    to += piece.size();
    text = text.subspan(piece.size());
  }
  return plain;
}

Status unseal(const SealKey& key, ByteView unit, const std::function<Status(ByteView)>& take) {
  TRY_ASSIGN(ByteView text, text_of(key, unit));
  Aes256Ctr cipher(key, unit.data());
  Bytes piece(std::min(text.size(), kPiece));
  while (!text.empty()) {
    piece.resize(std::min(text.size(), kPiece));
    cipher.apply(text.first(piece.size()), piece.data());
    TRY(take(piece));
    text = text.subspan(piece.size());
  }
  return {};
}

}  // namespace varve::codec
