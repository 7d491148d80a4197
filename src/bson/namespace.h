#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace varve::bson {

/// "db.collection"; the database's name has no dot, the collection's may.
struct Namespace {
  std::string db;
  std::string collection;

  auto operator<=>(const Namespace&) const = default;
  std::string text() const { return db + "." + collection; }
  static Namespace parse(std::string_view text);  ///< cut at the first dot
};

/// What --ns-include and --ns-exclude select. A pattern matches the whole "db.collection"; `*` matches any run of
/// characters, dots too; `\` takes the next character as it is. Taken: no include or some include matches, and no
/// exclude.
class NamespaceFilter {
 public:
  /// kInvalidInput for a pattern that can match no namespace: empty, without a dot or star, or ending in a lone
  /// backslash.
  static Result<NamespaceFilter> make(std::vector<std::string> includes, std::vector<std::string> excludes);

  /// `name` is the logical namespace: for system.buckets.X ask for X.
  bool takes(const Namespace& name) const;
  bool takes_all() const { return includes_.empty() && excludes_.empty(); }
  const std::vector<std::string>& includes() const { return includes_; }
  const std::vector<std::string>& excludes() const { return excludes_; }

 private:
  std::vector<std::string> includes_;
  std::vector<std::string> excludes_;
};

bool matches(std::string_view pattern, std::string_view text);

/// The name a user knows: "X" for "system.buckets.X", else as it is.
Namespace logical(const Namespace& name);
/// The other way: where the documents of a time-series lie.
Namespace buckets_of(const Namespace& time_series);

}  // namespace varve::bson
