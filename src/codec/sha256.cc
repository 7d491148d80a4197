#include "codec/sha256.h"

#include "codec/openssl.h"

namespace varve::codec {

namespace {

const EVP_MD* algorithm() {
  static const EVP_MD* const kFetched = openssl::must(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  return kFetched;
}

}  // namespace

struct Sha256::State {
  openssl::MdContext context{openssl::must(EVP_MD_CTX_new())};

  State() { restart(); }
  void restart() { openssl::must(EVP_DigestInit_ex2(context.get(), algorithm(), nullptr) == 1); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView piece) {
  openssl::must(EVP_DigestUpdate(state_->context.get(), piece.data(), piece.size()) == 1);
}

Id Sha256::finish() {
  Id id;
  openssl::must(EVP_DigestFinal_ex(state_->context.get(), id.bytes.data(), nullptr) == 1);
  state_->restart();
  return id;
}

Id sha256(ByteView data) {
  Id id;
  openssl::must(EVP_Digest(data.data(), data.size(), id.bytes.data(), nullptr, algorithm(), nullptr) == 1);
  return id;
}

}  // namespace varve::codec
