#include "codec/utf8.h"

#include <gtest/gtest.h>

namespace varve::codec {
namespace {

TEST(Trimmed, LeavesWhatGoLeaves) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {" \t\r\n\v\f", ""},
      {"\n\n two words \nand lines\r\n\n", "two words \nand lines"},
      {"\u00a0\u2003\u3000word\u0085\u2029", "word"},
      {"\u200bzero width is none\ufeff", "\u200bzero width is none\ufeff"},
      {"\xa0 \x85", "\xa0 \x85"},  // no UTF-8
      {" \xc2\xc2\xa0", "\xc2"},
      {"\xe2\x80 ", "\xe2\x80"},
      {"\xe4\xb8\x85", "\xe4\xb8\x85"},  // ends in a byte that alone were none
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(trimmed(text), expected) << text;
}

}  // namespace
}  // namespace varve::codec
