#include "maintenance/policy.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

#include "maintenance/calendar.h"
#include "maintenance/group.h"
#include "repo/go_time.h"

namespace varve::maintenance {
namespace {

using repo::Snapshot;
using Reasons = std::vector<std::string>;

Snapshot snapshot_at(const std::string& time, std::vector<std::string> tags = {}) {
  Snapshot snapshot;
  snapshot.time = *repo::parse_go_time(time);
  snapshot.time_text = time;
  snapshot.tags = std::move(tags);
  random_bytes(snapshot.id.bytes);
  return snapshot;
}

std::vector<Snapshot> snapshots_at(const std::vector<std::string>& newest_first) {
  std::vector<Snapshot> list;
  for (const auto& time : newest_first) list.push_back(snapshot_at(time));
  return list;
}

const Time kNow = *repo::parse_go_time("2026-11-21T12:00:00Z");

/// The kept ones as "time: reason, reason".
Reasons kept(const Policy& policy, std::vector<Snapshot> newest_first, Time now = kNow) {
  Reasons out;
  for (const auto& [snapshot, reasons] : apply(policy, std::move(newest_first), now).keep) {
    std::string line = snapshot.time_text;
    for (size_t i = 0; i < reasons.size(); ++i) line += (i == 0 ? ": " : ", ") + reasons[i];
    out.push_back(line);
  }
  return out;
}

/// This machine's zone, for as long as it lives.
class Zone {
 public:
  explicit Zone(const char* name) : before_(getenv("TZ") == nullptr ? "" : getenv("TZ")) { set(name); }
  ~Zone() { set(before_.c_str()); }

 private:
  static void set(const char* name) {
    setenv("TZ", name, 1);
    tzset();
  }
  std::string before_;
};

TEST(Policy, KeepsTheLastOfEachDayAndTheOldestWhileCountsAreLeft) {
  const auto list = snapshots_at({"2026-11-20T23:00:00Z", "2026-11-20T01:00:00Z", "2026-11-18T05:00:00Z",
                                  "2026-11-17T09:00:00Z", "2026-11-17T08:00:00Z"});
  EXPECT_EQ(kept({.daily = 2}, list),
            (Reasons{"2026-11-20T23:00:00Z: daily snapshot", "2026-11-18T05:00:00Z: daily snapshot"}));
  EXPECT_EQ(kept({.daily = 4}, list),
            (Reasons{"2026-11-20T23:00:00Z: daily snapshot", "2026-11-18T05:00:00Z: daily snapshot",
                     "2026-11-17T09:00:00Z: daily snapshot", "2026-11-17T08:00:00Z: oldest daily snapshot"}));
  EXPECT_EQ(kept({.daily = Policy::kUnlimited}, list).size(), 4u);
  EXPECT_EQ(kept({.last = 2}, list),
            (Reasons{"2026-11-20T23:00:00Z: last snapshot", "2026-11-20T01:00:00Z: last snapshot"}));
  EXPECT_EQ(kept({.last = Policy::kUnlimited}, list).size(), 5u);
}

TEST(Policy, EveryRuleCountsForItself) {
  const auto list = snapshots_at({"2026-02-02T10:30:00Z", "2026-02-02T10:10:00Z", "2026-01-31T00:00:00Z",
                                  "2025-12-31T00:00:00Z", "2025-12-28T00:00:00Z"});
  EXPECT_EQ(
      kept({.hourly = 1, .weekly = 3, .monthly = 2, .yearly = 1}, list),
      (Reasons{"2026-02-02T10:30:00Z: hourly snapshot, weekly snapshot, monthly snapshot, yearly snapshot",
               "2026-01-31T00:00:00Z: weekly snapshot, monthly snapshot", "2025-12-31T00:00:00Z: weekly snapshot"}));
}

TEST(Policy, WeeksAreThoseOfIso8601) {
  const auto week = [](const char* time) {
    const auto found = wall_clock(snapshot_at(time)).iso_week();
    return found.year * 100 + found.number;
  };
  EXPECT_EQ(week("2021-01-03T00:00:00Z"), 202053);
  EXPECT_EQ(week("2021-01-04T00:00:00Z"), 202101);
  EXPECT_EQ(week("2024-12-30T00:00:00Z"), 202501);
  EXPECT_EQ(week("2026-12-31T00:00:00Z"), 202653);
  EXPECT_EQ(week("2027-01-03T23:59:59Z"), 202653);
  EXPECT_EQ(week("0001-01-01T00:00:00Z"), 101);
}

TEST(Policy, DaysAreThoseOfThePlaceWhereASnapshotWasMade) {
  // The same moment twice an hour apart: one day in Tokyo, two in New York.
  EXPECT_EQ(kept({.daily = 5},
                 snapshots_at({"2026-05-02T13:30:00+09:00", "2026-05-02T12:30:00+09:00", "2026-05-02T11:30:00+09:00"}))
                .size(),
            2u);  // the newest and the oldest
  EXPECT_EQ(kept({.daily = 5},
                 snapshots_at({"2026-05-02T00:30:00-04:00", "2026-05-01T23:30:00-04:00", "2026-05-01T22:30:00-04:00"}))
                .size(),
            3u);
}

TEST(Policy, WithinCountsFromTheNewestThatIsNotInTheFuture) {
  const auto list = snapshots_at({"2030-01-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-10-31T12:00:00Z",
                                  "2026-10-30T00:00:00Z", "2025-11-02T00:00:00Z", "2025-11-01T00:00:00Z"});
  EXPECT_EQ(kept({.within = {.days = 2}}, list),
            (Reasons{"2030-01-01T00:00:00Z: within 2d", "2026-11-01T00:00:00Z: within 2d",
                     "2026-10-31T12:00:00Z: within 2d"}));
  EXPECT_EQ(kept({.within = {.days = 2, .hours = 1}}, list).size(), 4u);
  EXPECT_EQ(kept({.within = {.years = 1}}, list).size(), 5u) << "the bound itself is out";
  EXPECT_EQ(kept({.within = {.years = 9999}}, list).size(), 6u);
  EXPECT_EQ(kept({.within = {.hours = 1}}, snapshots_at({"2031-01-01T00:00:00Z", "2030-01-01T00:00:00Z"})).size(), 2u)
      << "where everything is in the future, nothing is too old";
}

TEST(Policy, WithinRulesKeepTheLastOfEachAndTheOldest) {
  const auto list = snapshots_at({"2026-11-20T10:30:00Z", "2026-11-20T10:10:00Z", "2026-11-19T08:00:00Z",
                                  "2026-11-18T11:00:00Z", "2026-11-18T10:45:00Z", "2026-11-10T00:00:00Z"});
  EXPECT_EQ(kept({.within_daily = {.days = 2}}, list),
            (Reasons{"2026-11-20T10:30:00Z: daily within 2d", "2026-11-19T08:00:00Z: daily within 2d",
                     "2026-11-18T11:00:00Z: daily within 2d"}));
  const auto short_list = snapshots_at({"2026-11-20T10:30:00Z", "2026-11-20T10:10:00Z"});
  EXPECT_EQ(kept({.within_hourly = {.months = 1}, .within_yearly = {.years = 2, .days = 1}}, short_list),
            (Reasons{"2026-11-20T10:30:00Z: hourly within 1m, yearly within 2y1d",
                     "2026-11-20T10:10:00Z: oldest hourly within 1m, oldest yearly within 2y1d"}));
}

TEST(Policy, TagsKeepByListOrByTheirAbsence) {
  const std::vector<Snapshot> list = {snapshot_at("2026-05-03T00:00:00Z", {"a", "b"}),
                                      snapshot_at("2026-05-02T00:00:00Z", {"a"}), snapshot_at("2026-05-01T00:00:00Z")};
  EXPECT_EQ(kept({.tags = {{"a", "b"}, {}}}, list),
            (Reasons{"2026-05-03T00:00:00Z: has tags [a, b]", "2026-05-01T00:00:00Z: has tags []"}));
  EXPECT_EQ(kept({.tags = {{"a"}, {"b"}}}, list),
            (Reasons{"2026-05-03T00:00:00Z: has tags [a], has tags [b]", "2026-05-02T00:00:00Z: has tags [a]"}));
}

TEST(Policy, IsEmptyOnlyWithoutAnyRule) {
  EXPECT_TRUE(Policy{}.empty());
  EXPECT_FALSE(Policy{.yearly = 1}.empty());
  EXPECT_FALSE(Policy{.within_weekly = {.hours = 1}}.empty());
  EXPECT_FALSE((Policy{.tags = {{}}}.empty()));
  EXPECT_TRUE(apply({}, snapshots_at({"2026-05-01T00:00:00Z"}), kNow).keep.empty());
  EXPECT_TRUE(apply({.last = 1}, {}, kNow).keep.empty());
}

TEST(Policy, IsDescribedInWords) {
  EXPECT_EQ(describe(Policy{.daily = 7, .yearly = Policy::kUnlimited, .within = {.months = 1}, .tags = {{"a", "b"}}}),
            "keep the 7 daily, all yearly, all within 1m of the newest and those with tags a, b");
  EXPECT_EQ(describe(Policy{}), "keep nothing");
}

std::string before(const std::string& time, const Duration& duration) {
  const auto moment = moment_before(snapshot_at(time), duration);
  return moment ? repo::format_go_time(*moment) : "ever";
}

TEST(Calendar, ADayThatAMonthDoesNotHaveIsOneOfTheNext) {
  EXPECT_EQ(before("2026-03-31T10:00:00.5Z", {.months = 1}), "2026-03-03T10:00:00.5Z");
  EXPECT_EQ(before("2024-03-31T10:00:00Z", {.months = 1}), "2024-03-02T10:00:00Z");
  EXPECT_EQ(before("2024-02-29T10:00:00Z", {.years = 1}), "2023-03-01T10:00:00Z");
  EXPECT_EQ(before("2026-01-15T00:00:00Z", {.years = 1, .months = 13, .days = 20, .hours = 30}),
            "2023-11-23T18:00:00Z");
  EXPECT_EQ(before("2026-01-15T00:00:00+05:30", {.months = 1}), "2025-12-14T18:30:00Z");
  EXPECT_EQ(before("2026-01-15T00:00:00Z", {.years = 1000}), "ever");
  EXPECT_EQ(before("2026-01-15T00:00:00Z", {.months = 100'000'000, .days = 100'000'000}), "ever");
  EXPECT_EQ(before("2026-01-15T00:00:00Z", {.days = 100'000'000}), "ever");
  EXPECT_EQ(before("2026-01-15T00:00:00Z", {.hours = 100'000'000}), "ever");
}

TEST(Calendar, SummerTimeIsThatOfThisMachineWhereTheOffsetIsIts) {
  const Zone zone("Europe/Zurich");
  EXPECT_EQ(before("2026-06-15T12:00:00+02:00", {.months = 5}), "2026-01-15T11:00:00Z") << "noon in winter, too";
  EXPECT_EQ(before("2026-06-15T12:00:00+03:00", {.months = 5}), "2026-01-15T09:00:00Z");
  EXPECT_EQ(before("2026-06-15T12:00:00Z", {.months = 5}), "2026-01-15T12:00:00Z");
  EXPECT_EQ(before("2026-01-15T12:00:00+01:00", {.months = 6}), "2025-07-15T10:00:00Z");
  // 02:30 does not exist on 29 March 2026, and exists twice on 25 October 2026.
  EXPECT_EQ(before("2026-04-29T02:30:00+02:00", {.months = 1}), "2026-03-29T01:30:00Z");
  EXPECT_EQ(before("2026-11-25T02:30:00+01:00", {.months = 1}), "2026-10-25T01:30:00Z");
}

TEST(Duration, IsReadAsResticReadsIt) {
  EXPECT_EQ(*parse_duration("1y5m7d2h"), (Duration{1, 5, 7, 2}));
  EXPECT_EQ(*parse_duration(" 2h7d "), (Duration{0, 0, 7, 2}));
  EXPECT_EQ(*parse_duration("1d3d"), (Duration{0, 0, 3, 0}));
  EXPECT_TRUE(parse_duration("")->is_zero());
  EXPECT_TRUE(parse_duration("0y0h")->is_zero());
  for (const char* bad : {"1w", "d", "7", "-1d", "1.5d", "1 d", "99999999999d", "200000000y", "1d-"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
  EXPECT_EQ(to_string({1, 5, 7, 2}), "1y5m7d2h");
  EXPECT_EQ(to_string({0, 12, 0, 0}), "12m");
}

TEST(Group, GroupsByHostAndPathsUnlessToldOtherwise) {
  std::vector<Snapshot> list = snapshots_at({"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"});
  list[0].hostname = list[1].hostname = "a";
  list[2].hostname = "b";
  list[0].paths = {"/x", "/y"};
  list[1].paths = {"/y", "/x"};
  list[2].paths = {"/x"};
  list[1].tags = {"t"};

  const auto groups = group_snapshots(list, {});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].paths, (std::vector<std::string>{"/x", "/y"}));
  EXPECT_EQ(groups[0].snapshots.size(), 2u);
  EXPECT_EQ(groups[0].snapshots[0].time_text, "2026-01-02T00:00:00Z") << "newest first";
  EXPECT_EQ(groups[0].snapshots[0].paths, list[1].paths) << "a snapshot is left as it is";
  EXPECT_EQ(describe(groups[0]), "host a, paths /x and /y");
  EXPECT_EQ(describe(groups[1]), "host b, path /x");

  EXPECT_EQ(group_snapshots(list, *parse_group_by("")).size(), 1u);
  EXPECT_EQ(describe(group_snapshots(list, *parse_group_by("")).front()), "all snapshots");
  EXPECT_EQ(group_snapshots(list, *parse_group_by("tag")).size(), 2u);
  EXPECT_EQ(group_snapshots(list, *parse_group_by("host,path,tags")).size(), 3u);
  EXPECT_FALSE(parse_group_by("host,user"));
  EXPECT_TRUE(group_snapshots({}, {}).empty());
}

}  // namespace
}  // namespace varve::maintenance
