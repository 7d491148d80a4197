#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace varve::files {

/// A pattern for one name, as Go's filepath.Match reads it: `*` any bytes, `?` one character, `[a-z]` and `[^a-z]` one
/// of a set, `\` takes the next character as it is. Nothing else is special; a leading dot neither.
class Wildcard {
 public:
  /// kInvalidInput for a set that is not closed or empty, or a `\` at the end.
  static Result<Wildcard> parse(std::string_view pattern);

  bool matches(std::string_view name) const;

 private:
  struct Range {
    char32_t low, high;
  };
  struct Token {
    enum class Kind : uint8_t { kByte, kStar, kAnyRune, kSet } kind;
    char byte = 0;
    bool negated = false;
    std::vector<Range> ranges{};
  };

  static Result<Token> parse_set(std::string_view& rest);
  /// How many bytes of `name`, which is not empty, the token takes; 0 if it does not match there.
  static size_t taken(const Token& token, std::string_view name);

  std::vector<Token> tokens_;
};

}  // namespace varve::files
