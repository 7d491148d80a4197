#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bson/namespace.h"

namespace varve::bson {

/// What --ns-from and --ns-to say, with mongorestore's patterns. Each pair turns the names that match its first pattern
/// into those of the second. A `*` stands for any run of characters, dots too, and so does `$name$`; the runs go where
/// the second pattern has its stars, in their order, and the same names. Each run is as short as the match allows. `\`
/// takes the next character as it is. Of several pairs that match, the last counts.
class NamespaceRename {
 public:
  NamespaceRename() = default;

  /// kInvalidInput, saying which pair, for lists of different lengths, patterns that could match or make no namespace,
  /// a different number of stars, and a `$name$` that the first pattern lacks or has twice.
  static Result<NamespaceRename> make(const std::vector<std::string>& from, const std::vector<std::string>& to);

  bool empty() const { return pairs_.empty(); }

  /// The new name; the same where no pair matches. The buckets of a time-series go where the time-series goes.
  Namespace operator()(const Namespace& ns) const;

 private:
  /// Text with holes in it: texts_[0] hole texts_[1] hole ... texts_[n].
  struct Pattern {
    std::vector<std::string> texts;
    std::vector<std::string> holes;  ///< their names; a star's is its number
  };
  struct Pair {
    Pattern from, to;
  };

  static Result<Pattern> parse(std::string_view text);
  static bool match(const Pattern& pattern, std::string_view text, std::vector<std::string_view>& found);
  static Status check(const Pattern& from, const Pattern& to);

  std::vector<Pair> pairs_;
};

}  // namespace varve::bson
