#include <algorithm>
#include <cstdlib>

#include "base/fuzz.h"
#include "repo/tree.h"

using namespace varve;

/// What was read and written again reads the same, once it is in order.
VARVE_FUZZ(tree) {
  auto nodes = repo::decode_tree(as_text(bytes));
  if (!nodes) return;
  std::stable_sort(nodes->begin(), nodes->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  nodes->erase(std::unique(nodes->begin(), nodes->end(), [](const auto& a, const auto& b) { return a.name == b.name; }),
               nodes->end());
  const auto json = repo::encode_tree(*nodes);
  if (!json) std::abort();
  const auto again = repo::decode_tree(*json);
  if (!again || again->size() != nodes->size() || *repo::encode_tree(*again) != *json) std::abort();
}
