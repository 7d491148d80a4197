#include <cstdlib>

#include "base/fuzz.h"
#include "dump/names.h"

/// Every collection has a file name that stays in its folder and leads back to it; what no collection has is no name.
VARVE_FUZZ(names) {
  using namespace varve;
  const auto text = as_text(bytes);
  constexpr size_t kLongestFileName = 238;
  const auto escaped = dump::escape_collection(text);
  if (escaped.size() > kLongestFileName || escaped.find_first_of(std::string_view("/\\\0", 3)) != escaped.npos) {
    std::abort();
  }
  if (!dump::is_shortened(escaped)) {
    if (dump::unescape_collection(escaped) != text || dump::unescape_loosely(escaped) != text) std::abort();
  }
  if (const auto name = dump::unescape_collection(text)) {
    if (dump::escape_collection(*name) != text) std::abort();
  }
  if (dump::unescape_loosely(text).size() > text.size()) std::abort();
  if (dump::check_database(text) && (text.empty() || text.find('/') != text.npos || text == "..")) std::abort();
}
