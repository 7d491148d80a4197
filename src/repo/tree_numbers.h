#pragma once

#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"

namespace varve::repo {

/// The trees that a walk meets, numbered, and where each was met first: its path is put together only when somebody
/// asks for it. Some 100 bytes a tree and its name, however deep it lies.
class TreeNumbers {
 public:
  using Number = uint32_t;
  static constexpr Number kNone = std::numeric_limits<Number>::max();

  /// The number of a tree, and whether it is new: then it lies under this name in `holder`, kNone for a root.
  std::pair<Number, bool> meet(const Id& tree, Number holder, std::string_view name);
  /// The number of one that was met; kNone if it was not.
  Number find(const Id& tree) const;
  /// From the root that it was met below, "dump/shop"; empty for a root.
  std::string path(Number tree) const;

 private:
  struct Place {
    Number holder;
    uint64_t name_end;  ///< in names_; it begins where that of the tree before ends
  };
  std::string_view name(Number tree) const;

  std::unordered_map<Id, Number> numbers_;
  std::vector<Place> places_;
  std::string names_;
};

}  // namespace varve::repo
