#include <cstdlib>

#include "base/fuzz.h"
#include "repo/config.h"

using namespace varve;

/// The config as it is once unsealed.
VARVE_FUZZ(config) {
  const auto config = repo::decode_config(as_text(bytes));
  if (!config) return;
  const auto json = repo::encode_config(*config);
  const auto again = repo::decode_config(json);
  if (!again || repo::encode_config(*again) != json) std::abort();
}
