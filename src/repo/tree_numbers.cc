#include "repo/tree_numbers.h"

namespace varve::repo {

std::pair<TreeNumbers::Number, bool> TreeNumbers::meet(const Id& tree, Number holder, std::string_view name) {
  const auto [at, is_new] = numbers_.try_emplace(tree, static_cast<Number>(places_.size()));
  if (is_new) {
    names_ += name;
    places_.push_back({holder, names_.size()});
  }
  return {at->second, is_new};
}

TreeNumbers::Number TreeNumbers::find(const Id& tree) const {
  const auto at = numbers_.find(tree);
  return at == numbers_.end() ? kNone : at->second;
}

std::string_view TreeNumbers::name(Number tree) const {
  const uint64_t begin = tree == 0 ? 0 : places_[tree - 1].name_end;
  return std::string_view(names_).substr(begin, places_[tree].name_end - begin);
}

std::string TreeNumbers::path(Number tree) const {
  size_t size = 0;
  for (Number at = tree; places_[at].holder != kNone; at = places_[at].holder) size += name(at).size() + 1;
  std::string path(size == 0 ? 0 : size - 1, '/');
  size_t end = path.size();
  for (Number at = tree; places_[at].holder != kNone; at = places_[at].holder) {
    end -= name(at).size();
    path.replace(end, name(at).size(), name(at));
    if (end > 0) --end;  // over the slash
  }
  return path;
}

}  // namespace varve::repo
