#include "storage/words.h"

#include <fmt/format.h>

namespace varve::storage {

Result<std::vector<std::string>> split_words(std::string_view text, std::string_view option) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != '\'' && c == '\\' && i + 1 < text.size()) {
      words.back() += text[++i];
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) return fail(ErrorKind::kInvalidInput, fmt::format("-o {} has a quote without an end", option));
  return words;
}

}  // namespace varve::storage
