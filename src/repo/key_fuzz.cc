#include "repo/config.h"
#include "repo/keys.h"
#include "repo/unpacked.h"

/// Key files as they lie there; config and other files as they are once unsealed.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const varve::ByteView bytes(data, size);
  const auto text = varve::as_text(bytes);
  const auto key = varve::repo::decode_key_file(text);
  if (key && key->n <= 1024 && key->r <= 8 && key->p <= 2) (void)varve::repo::open_key_file(*key, "geheim");
  (void)varve::repo::decode_config(text);

  const varve::codec::SealKey seal_key;
  varve::Bytes sealed;
  varve::codec::seal(seal_key, {1}, bytes, sealed);
  (void)varve::repo::decode_unpacked(seal_key, sealed, 1u << 20);
  return 0;
}
