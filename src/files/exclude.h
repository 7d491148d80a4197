#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "files/wildcard.h"

namespace varve::files {

/// Patterns that pick paths out, as restic's --exclude (and --include) understand them:
/// - a pattern is names between slashes, each a Wildcard; `**` stands for any number of folders, none too;
/// - with a leading `/` it begins at the root, otherwise below any folder;
/// - what lies below a path that matches, matches;
/// - `!pattern` takes out of the match again; the last pattern of its list that says something about a path wins.
/// Whether a path is a folder makes no difference, and neither does a slash at the end of a pattern. Immutable once
/// filled; thread-safe.
class ExcludeRules {
 public:
  /// kInvalidInput names every pattern that is malformed. Empty patterns are left out.
  static Result<ExcludeRules> parse(const std::vector<std::string>& patterns, bool ignore_case);
  /// Adds a list of its own: what one of the lists matches is matched.
  Status add(const std::vector<std::string>& patterns, bool ignore_case);

  bool empty() const { return lists_.empty(); }
  /// `path` is clean and not empty.
  bool matches(std::string_view path) const;
  /// Whether something below `folder` may match: for patterns that say what to take rather than what to leave out.
  bool may_match_below(std::string_view folder) const;

 private:
  struct Part {
    bool any_folders = false;          ///< `**`
    std::string name;                  ///< as it stands
    std::optional<Wildcard> wildcard;  ///< none: the name itself

    bool matches(std::string_view component) const {
      return wildcard ? wildcard->matches(component) : name == component;
    }
  };
  struct Pattern {
    bool negated = false, rooted = false;
    std::vector<Part> parts;  ///< a rooted one's without the root
  };
  struct List {
    bool ignore_case = false;
    std::vector<Pattern> patterns;
  };
  using Components = std::vector<std::string_view>;

  static Result<Pattern> parse_pattern(std::string_view text);
  static bool begins_with(std::span<const Part> parts, std::span<const std::string_view> components);
  static bool matches(const Pattern& pattern, const Components& components, bool rooted);
  static bool may_match_below(const Pattern& pattern, const Components& components, bool rooted);
  template <typename Judge>
  bool any_list(std::string_view path, Judge judge) const;

  std::vector<List> lists_;
};

/// The lines of a list that people write: without the white space around them, empty ones and those that begin with
/// `#`.
std::vector<std::string> lines_in(std::string_view text);

/// Gives an environment variable's value, empty if it is not set.
using Variables = std::function<std::string(const std::string& name)>;

/// The patterns of an exclude file, one a line. `$NAME` and `${NAME}` are replaced, `$$` is a dollar sign.
std::vector<std::string> patterns_in(std::string_view text, const Variables& variables);

}  // namespace varve::files
