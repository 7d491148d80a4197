#include <cstdlib>

#include "repo/index.h"

/// What was read and written again reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using varve::repo::IndexedPack;
  const auto decode = [](std::string_view text, std::vector<IndexedPack>& packs) {
    return varve::repo::decode_index(text, [&](IndexedPack pack) { packs.push_back(std::move(pack)); });
  };
  std::vector<IndexedPack> packs;
  if (!decode(varve::as_text({data, size}), packs)) return 0;
  varve::repo::Index index;
  for (const auto& pack : packs) index.add_pack(pack.blobs);
  index.for_each([&](auto type, const auto& id, const auto&) {
    if (index.find(type, id).empty()) std::abort();
  });
  const auto json = varve::repo::encode_index(packs);
  std::vector<IndexedPack> again;
  if (!decode(json, again) || varve::repo::encode_index(again) != json) std::abort();
  return 0;
}
