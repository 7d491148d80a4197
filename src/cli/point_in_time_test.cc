#include "cli/point_in_time.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace varve::cli {
namespace {

class PointInTime : public ::testing::Test {
 protected:
  PointInTime() {
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
  }
  ~PointInTime() override {
    unsetenv("TZ");
    tzset();
  }

  const Time now_ = *parse_rfc3339("2026-11-28T10:00:00.75Z");

  Result<bson::Timestamp> parse(const std::string& text) const { return parse_point_in_time(text, now_); }
};

/// The newest of the second before.
bson::Timestamp before(const char* time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(*parse_rfc3339(time)).time_since_epoch().count();
  return {static_cast<uint32_t>(second - 1), UINT32_MAX};
}

TEST_F(PointInTime, OfTheClockIsAllBeforeThatSecond) {
  const std::pair<const char*, const char*> cases[] = {
      {"2026-11-28 10:00:07", "2026-11-28T09:00:07Z"},
      {"2026-11-28 10:00", "2026-11-28T09:00:00Z"},
      {"2026-11-28", "2026-11-27T23:00:00Z"},
      {"28.11.2026 10:00", "2026-11-28T09:00:00Z"},
      {"2026-11-28 10:00:07 UTC", "2026-11-28T10:00:07Z"},
      {"2026-11-28 10:00:07 +0530", "2026-11-28T04:30:07Z"},
      {"2026-11-28T10:00:07+01:00", "2026-11-28T09:00:07Z"},
      {"2026-11-28T10:00:07Z", "2026-11-28T10:00:07Z"},
      {"-90m", "2026-11-28T08:30:00Z"},
      {"-1h30m", "2026-11-28T08:30:00Z"},
      {"2026-11-28 9:05", "2026-11-28T08:05:00Z"},
      {"2026-11-28 10:15 +02:00", "2026-11-28T08:15:00Z"},
      {"2026-11-28 10:15 +02", "2026-11-28T08:15:00Z"},
      {"2026-11-28 10:15 Z", "2026-11-28T10:15:00Z"},
      {"2026-11-28 10:15+02:00", "2026-11-28T08:15:00Z"},
      {"2026-11-28 10:15UTC", "2026-11-28T10:15:00Z"},
  };
  for (const auto& [text, time] : cases) {
    const auto parsed = parse(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message();
    EXPECT_EQ(*parsed, before(time)) << text;
  }
}

TEST_F(PointInTime, OfTheClusterIsItself) {
  EXPECT_EQ(*parse("1795251206:3"), (bson::Timestamp{1795251206, 3}));
  EXPECT_FALSE(parse("1795251206:"));
  EXPECT_FALSE(parse("1795251206:4294967296"));
  EXPECT_FALSE(parse("1:2:3"));
}

TEST_F(PointInTime, HasNoFractions) {
  const auto parsed = parse("2026-11-28T10:00:07.5Z");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind(), ErrorKind::kInvalidInput);
  ASSERT_EQ(parsed.error().hints().size(), 1u);
  EXPECT_NE(parsed.error().hints()[0].find("2026-11-28T10:00:07Z or 2026-11-28T10:00:08Z"), std::string::npos);
}

TEST_F(PointInTime, ThatTheClockShowsTwiceOrNeverIsRefused) {
  const auto twice = parse("2026-10-25 02:30");
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().hints()[0].find("2026-10-25T00:30:00Z for the first, 2026-10-25T01:30:00Z for the second"),
            std::string::npos)
      << twice.error().hints()[0];
  const auto never = parse("2026-03-29 02:30");
  ASSERT_FALSE(never);
  EXPECT_NE(never.error().message().find("never shows"), std::string::npos) << never.error().message();
  for (const char* fine : {"2026-10-25 01:59:59", "2026-10-25 03:00", "2026-03-29 01:59:59", "2026-03-29 03:00",
                           "2026-10-25 02:30 UTC", "2026-10-25"}) {
    EXPECT_TRUE(parse(fine)) << fine;
  }
}

TEST_F(PointInTime, ZonesHaveNames) {
  EXPECT_EQ(*parse("2026-11-20 10:00 Europe/Berlin"), before("2026-11-20T09:00:00Z"));
  EXPECT_EQ(*parse("20.07.2026 10:00:05 America/New_York"), before("2026-07-20T14:00:05Z"));
  EXPECT_EQ(*parse("2026-07-20 Asia/Kolkata"), before("2026-07-19T18:30:00Z"));
  const auto error_of = [&](const char* text) {
    const auto parsed = parse(text);
    EXPECT_FALSE(parsed) << text;
    return parsed ? "" : parsed.error().message() + " " + parsed.error().hints()[0];
  };
  EXPECT_NE(
      error_of("2026-11-01 01:30 America/New_York").find("2026-11-01T05:30:00Z for the first, 2026-11-01T06:30:00Z"),
      std::string::npos);
  EXPECT_NE(error_of("2026-03-08 02:30 America/New_York").find("the nearest is 2026-03-08T07:00:00Z"),
            std::string::npos);
  EXPECT_NE(error_of("2026-11-20 10:00 Europe/Berln").find("no zone is called Europe/Berln"), std::string::npos);
  EXPECT_FALSE(parse("2026-11-20 10:00 UTC Europe/Berlin"));
}

TEST_F(PointInTime, TakesNothingElse) {
  for (const char* text : {"", "-", "yesterday", "-yesterday", "2026-02-30", "1960-01-01", "2126-01-01", "10:00"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

}  // namespace
}  // namespace varve::cli
