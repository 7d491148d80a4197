#include <cstdlib>

#include "base/fuzz.h"
#include "repo/keys.h"

using namespace varve;

/// What was read and written again reads the same; what costs little is opened.
VARVE_FUZZ(key) {
  const auto key = repo::decode_key_file(as_text(bytes));
  if (!key) return;
  const auto json = repo::encode_key_file(*key);
  const auto again = repo::decode_key_file(json);
  if (!again || repo::encode_key_file(*again) != json) std::abort();
  const bool cheap = key->n <= 1024 && key->r <= 8 && key->p <= 2;
  const bool absurd = key->n > 1u << 26 || key->r > 1u << 26 || key->p > 1u << 26;  // refused before it is paid
  if (cheap || absurd) (void)repo::open_key_file(*key, "geheim");
}
