#include "codec/go_json.h"

#include <gtest/gtest.h>

#include "codec/go_printable.h"

namespace varve::codec {
namespace {

using namespace std::string_literals;

/// As the name stands in a tree, without the JSON literal's quotes.
std::string stored(std::string_view name) {
  const std::string literal = go_json_string(go_quote(name));
  return literal.substr(1, literal.size() - 2);
}

TEST(GoNames, AreWrittenAsResticWritesThem) {
  const std::pair<std::string, const char*> vectors[] = {
      {"\xff", R"(\\xff)"},
      {"\"", R"(\\\")"},
      {"\\", R"(\\\\)"},
      {"\t", R"(\\t)"},
      {"\x01", R"(\\x01)"},
      {"\b", R"(\\b)"},
      {"\n", R"(\\n)"},
      {"\x7f", R"(\\x7f)"},
      {"\u00a0", R"(\\u00a0)"},
      {"\u200b", R"(\\u200b)"},
      {"\u2028", R"(\\u2028)"},
      {"\u00e9", "\u00e9"},
      {"\U0001f600", "\U0001f600"},
      {"<&>", R"(\u003c\u0026\u003e)"},
      {"bad\xff\xfename", R"(bad\\xff\\xfename)"},
      {"q\"uo\\te", R"(q\\\"uo\\\\te)"},
      {"tab\t\u00e9<&>", R"(tab\\t)"
                         "\u00e9"
                         R"(\u003c\u0026\u003e)"},
      {"nb\u00a0sp", R"(nb\\u00a0sp)"},
      {"\U000e0001", R"(\\U000e0001)"},
      {"\u0000"s, R"(\\x00)"},
      {"\ufffd", "\ufffd"},
  };
  for (const auto& [name, text] : vectors) EXPECT_EQ(stored(name), text);
}

TEST(GoJsonString, EscapesAsGoDoes) {
  EXPECT_EQ(go_json_string(""), R"("")");
  EXPECT_EQ(go_json_string("\"\\/\b\f\n\r\t\x0b\x1f\x7f"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u001f\x7f\"");
  EXPECT_EQ(go_json_string("\0"s), R"("\u0000")");
  EXPECT_EQ(go_json_string("\u2028\u2029\u2030"), "\"\\u2028\\u2029\u2030\"");
}

TEST(GoJsonString, ReplacesEachByteThatIsNoUtf8) {
  EXPECT_EQ(go_json_string("a\xff\xc3z"), R"("a\ufffd\ufffdz")");
  EXPECT_EQ(go_json_string("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")") << "a surrogate";
  EXPECT_EQ(go_json_string("\xc0\x80"), R"("\ufffd\ufffd")") << "overlong";
  EXPECT_EQ(go_json_string("\xe0\x80\x80"), R"("\ufffd\ufffd\ufffd")") << "overlong";
  EXPECT_EQ(go_json_string("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")") << "past the end";
  EXPECT_EQ(go_json_string("\xe2\x82"), R"("\ufffd\ufffd")") << "cut short";
  EXPECT_EQ(go_json_string("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"");
}

TEST(GoPrintable, KnowsTheEdgesOfItsTable) {
  for (char32_t rune : {0x20, 0x7e, 0xa1, 0xe9, 0x4e00, 0x1f600, 0xe01ef}) EXPECT_TRUE(go_is_print(rune)) << +rune;
  for (char32_t rune : {0x0, 0x1f, 0x7f, 0xa0, 0xad, 0x378, 0xd800, 0xe000, 0xe01f0, 0x10ffff, 0x110000}) {
    EXPECT_FALSE(go_is_print(rune)) << +rune;
  }
}

TEST(GoUnquote, ReversesQuote) {
  std::string every_byte;
  for (int b = 0; b < 256; ++b) every_byte.push_back(static_cast<char>(b));
  for (const std::string& name : {""s, every_byte, "\u00e9\u00a0\u200b\U0001f600\U000e0001"s, "\\x41\""s}) {
    std::string back;
    ASSERT_TRUE(go_unquote(go_quote(name), back));
    EXPECT_EQ(back, name);
  }
}

TEST(GoUnquote, TakesWhatGoTakes) {
  std::string name;
  ASSERT_TRUE(go_unquote(R"(\101\x42\u0043\U00000044'\377\xFf)", name));
  EXPECT_EQ(name, "ABCD'\xff\xff");
}

TEST(GoUnquote, RefusesWhatGoRefuses) {
  for (const char* text : {"\"", "\n", "\\", "\\'", "\\z", "\\x", "\\x4", "\\xg0", "\\x-1", "\\u12", "\\ud800",
                           "\\U00110000", "\\U0000d", "\\400", "\\08", "\\7", "a\\"}) {
    std::string name;
    EXPECT_FALSE(go_unquote(text, name)) << text;
  }
}

}  // namespace
}  // namespace varve::codec
