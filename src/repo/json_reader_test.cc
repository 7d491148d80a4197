#include "repo/json_reader.h"

#include <nlohmann/json.hpp>
#include <random>

#include <gtest/gtest.h>

#include "repo/go_time.h"

namespace varve::repo {
namespace {

bool is_accepted(std::string_view text) {
  JsonReader in(text);
  return in.skip() && in.end();
}

TEST(JsonReader, AcceptsWhatTheLibraryAccepts) {
  for (const char* text : {"{}",
                           "[]",
                           "null",
                           " true ",
                           "-0.5e+3",
                           "0",
                           "\"\\u00e9\\n\"",
                           "{\"a\":[1,{\"b\":null}]}",
                           "",
                           "{",
                           "[1,]",
                           "{\"a\"}",
                           "{\"a\":1,}",
                           "01",
                           "1.",
                           "+1",
                           "tru",
                           "\"\t\"",
                           "\"\\x\"",
                           "\"abc",
                           "[1 2]",
                           "{}{}",
                           "\"\\u12\"",
                           "nulll",
                           "-",
                           "1e",
                           "{1:2}",
                           "[,1]"}) {
    EXPECT_EQ(is_accepted(text), nlohmann::json::accept(text)) << text;
  }
}

TEST(JsonReader, AgreesWithTheLibraryOnDamagedText) {
  const std::string good =
      R"({"time":"2026-11-21T10:15:02.5Z","paths":["/a","b\"\\\u00e9"],"n":[0,12,-3.5e2,true,null,{}]})";
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string text = good;
    for (unsigned k = random() % 3 + 1; k > 0; --k) {
      const size_t at = random() % text.size();
      constexpr std::string_view kBytes = "{}[]\",:\\u019.-+eEtfn \n\x01";
      if (random() % 2 == 0) {
        text[at] = kBytes[random() % kBytes.size()];
      } else {
        text.erase(at, random() % 4 + 1);
      }
      if (text.empty()) break;
    }
    // A lone surrogate is U+FFFD to Go and to us, an error to the library.
    if (text.find("\\ud") != std::string::npos || text.find("\\uD") != std::string::npos) continue;
    EXPECT_EQ(is_accepted(text), nlohmann::json::accept(text)) << text;
  }
}

TEST(JsonReader, DecodesStrings) {
  const auto decode = [](std::string_view json) {
    std::string out;
    JsonReader in(json);
    EXPECT_TRUE(in.string(out)) << json;
    return out;
  };
  EXPECT_EQ(decode(R"("a\"\\\/\b\f\n\r\tz")"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(decode(R"("\u00e9\u20ac\ud83d\ude00")"), "é€😀");
  EXPECT_EQ(decode(R"("\ud83dx\ude00")"), "\xef\xbf\xbdx\xef\xbf\xbd");
  EXPECT_EQ(decode(R"("\ud83d\u0041")"),
            "\xef\xbf\xbd"
            "A");
  EXPECT_EQ(decode("null"), "");
  EXPECT_EQ(decode("\"a\xff\xe2\x80z\xc3\xa9\""), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa9");
}

TEST(JsonReader, RefusesNumbersOutOfRange) {
  const auto fits = []<typename T>(std::string_view json, T) {
    T out;
    JsonReader in(json);
    return in.number(out) && in.end();
  };
  EXPECT_TRUE(fits("18446744073709551615", uint64_t{}));
  EXPECT_FALSE(fits("18446744073709551616", uint64_t{}));
  EXPECT_TRUE(fits("4294967295", uint32_t{}));
  EXPECT_FALSE(fits("4294967296", uint32_t{}));
  EXPECT_FALSE(fits("-1", uint32_t{}));
  EXPECT_FALSE(fits("1.5", uint32_t{}));
  EXPECT_FALSE(fits("99999999999999999999999999", uint64_t{}));
}

TEST(JsonReader, LimitsNesting) {
  EXPECT_TRUE(is_accepted(std::string(60, '[') + std::string(60, ']')));
  EXPECT_FALSE(is_accepted(std::string(1'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(is_accepted(objects));
  EXPECT_TRUE(is_accepted("[" + std::string(1000, ' ') + "[],[],[[]]]"));
}

TEST(GoTime, HoldsWhatGoHoldsAsFarAsItCan) {
  EXPECT_EQ(format_go_time(*parse_go_time("2026-11-21T10:15:02.123456789+02:00")), "2026-11-21T08:15:02.123456789Z");
  EXPECT_EQ(*parse_go_time("0001-01-01T00:00:00Z"), kGoZeroTime);
  EXPECT_EQ(format_go_time(kGoZeroTime), "0001-01-01T00:00:00Z");
  EXPECT_EQ(format_go_time(*parse_go_time("9999-12-31T23:59:59Z")), "2261-12-31T23:59:59.999999999Z");
  EXPECT_FALSE(parse_go_time("9999-13-31T23:59:59Z"));
  EXPECT_FALSE(parse_go_time("2026-11-21T10:15:02"));
  EXPECT_FALSE(parse_go_time("20x6-11-21T10:15:02Z"));
  EXPECT_TRUE(parse_go_time("1678-01-01T00:00:00+23:59"));
  EXPECT_TRUE(parse_go_time("2261-12-31T23:59:60-23:59"));
}

}  // namespace
}  // namespace varve::repo
