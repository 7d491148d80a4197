#include <cstdlib>

#include "base/fuzz.h"
#include "repo/index.h"

using namespace varve;

namespace {

Status decode(std::string_view text, std::vector<repo::IndexedPack>& packs) {
  return repo::decode_index(text, [&](repo::IndexedPack pack) { packs.push_back(std::move(pack)); });
}

}  // namespace

/// What was read and written again reads the same.
VARVE_FUZZ(index) {
  std::vector<repo::IndexedPack> packs;
  if (!decode(as_text(bytes), packs)) return;
  repo::Index index;
  for (const auto& pack : packs) index.add_pack(pack.blobs);
  index.for_each([&](auto type, const auto& id, const auto&) {
    if (index.find(type, id).empty()) std::abort();
  });
  const auto json = repo::encode_index(packs);
  std::vector<repo::IndexedPack> again;
  if (!decode(json, again) || repo::encode_index(again) != json) std::abort();
}
