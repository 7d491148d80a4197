#include <functional>

#include <gtest/gtest.h>

#include "codec/go_json.h"
#include "codec/sha256.h"
#include "codec/utf8.h"

namespace varve::codec {
namespace {

/// Every code point by itself, every pair of bytes, and all quadruples of bytes at which UTF-8's rules change.
void each_sample(const std::function<void(const std::string&)>& visit) {
  for (char32_t rune = 0; rune <= 0x10ffff; ++rune) {
    if (!is_valid_rune(rune)) continue;
    std::string text;
    append_rune(text, rune);
    visit(text);
  }
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) visit({static_cast<char>(a), static_cast<char>(b)});
  }
  constexpr std::string_view kEdges(
      "\x00\x22\x41\x5c\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff",
      27);
  for (char a : kEdges) {
    for (char b : kEdges) {
      for (char c : kEdges) {
        for (char d : kEdges) visit({a, b, c, d});
      }
    }
  }
}

// The hashes are those of the same samples through strconv.Quote (without the outer quotes) and json.Marshal of
// Go 1.26.
TEST(GoGolden, QuoteIsGosForEverySample) {
  Sha256 hash;
  std::string back;
  each_sample([&](const std::string& text) {
    const std::string quoted = go_quote(text);
    hash.update(as_bytes(quoted));
    if (!go_unquote(quoted, back) || back != text) ADD_FAILURE() << quoted;
  });
  EXPECT_EQ(hash.finish().hex(), "a8b4f579de94faefed3c5cebdc0444449af97d8948980ed4ce9d6d373499c7a6");
}

TEST(GoGolden, JsonIsGosForEverySample) {
  Sha256 hash;
  each_sample([&](const std::string& text) { hash.update(as_bytes(go_json_string(text))); });
  EXPECT_EQ(hash.finish().hex(), "c0ec4c5404b0a1eb2380684439fd6c0c9aa972d493ee5e9ca69b3ba94dba5a51");
}

}  // namespace
}  // namespace varve::codec
