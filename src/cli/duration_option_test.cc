#include "cli/duration_option.h"

#include <gtest/gtest.h>

namespace varve::cli {
namespace {

using std::chrono::seconds;

TEST(DurationOption, ReadsUnitsAndPlainSeconds) {
  for (const auto& [text, wanted] :
       {std::pair("30s", seconds(30)), {"5m", seconds(300)}, {"1h30m", seconds(5400)}, {"90", seconds(90)}}) {
    const auto read = duration_option("--retry-lock", text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, wanted) << text;
  }
}

TEST(DurationOption, RefusesWhatIsNoneAndWhatWouldOverflow) {
  for (const char* text : {"h", "5d", "-1s", "1h30", "1000001s", "1000000h", "80000h80000h"}) {
    const auto read = duration_option("--retry-lock", text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind(), ErrorKind::kInvalidInput);
    EXPECT_NE(read.error().message().find(text), std::string::npos);
  }
  EXPECT_TRUE(duration_option("--retry-lock", "87600h"));
}

}  // namespace
}  // namespace varve::cli
