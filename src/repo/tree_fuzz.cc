#include <algorithm>
#include <cstdlib>

#include "repo/tree.h"

/// What was read and written again reads the same, once it is in order.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto nodes = varve::repo::decode_tree(varve::as_text({data, size}));
  if (!nodes) return 0;
  std::stable_sort(nodes->begin(), nodes->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  nodes->erase(std::unique(nodes->begin(), nodes->end(), [](const auto& a, const auto& b) { return a.name == b.name; }),
               nodes->end());
  const auto json = varve::repo::encode_tree(*nodes);
  if (!json) std::abort();
  const auto again = varve::repo::decode_tree(*json);
  if (!again || again->size() != nodes->size() || *varve::repo::encode_tree(*again) != *json) std::abort();
  return 0;
}
