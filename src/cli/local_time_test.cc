#include "cli/local_time.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace varve::cli {
namespace {

class LocalTime : public ::testing::Test {
 protected:
  LocalTime() {
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
  }
  ~LocalTime() override {
    unsetenv("TZ");
    tzset();
  }
};

TEST_F(LocalTime, IsReadAsUsersWriteIt) {
  const std::pair<const char*, const char*> cases[] = {
      {"2026-11-21", "2026-11-20T23:00:00Z"},
      {"2026-07-21 10:15", "2026-07-21T08:15:00Z"},
      {"21.11.2026 10:15:02", "2026-11-21T09:15:02Z"},
      {"2026-11-21 10:15:02 UTC", "2026-11-21T10:15:02Z"},
      {"2026-11-21 10:15:02 -0330", "2026-11-21T13:45:02Z"},
      {"2024-02-29", "2024-02-28T23:00:00Z"},
  };
  for (const auto& [text, time] : cases) {
    const auto parsed = parse_moment(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(format_rfc3339(*parsed), time) << text;
  }
  EXPECT_EQ(local_time_text(*parse_rfc3339("2026-07-21T08:15:00Z")), "2026-07-21 10:15:00");
}

TEST_F(LocalTime, KnowsNoDaysThatNoMonthHas) {
  for (const char* text : {"2026-02-30", "2026-02-29", "31.04.2026", "2026-02-30 10:15:02 UTC", "2026-11-21 10:15:60",
                           "2026-00-01", "2026-11-00", "2026-11-21 24:00", "2026-11-21 10", "yesterday", ""}) {
    EXPECT_FALSE(parse_moment(text)) << text;
  }
}

}  // namespace
}  // namespace varve::cli
