#include <atomic>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/channel.h"
#include "base/clock.h"
#include "base/task_group.h"
#include "base/timed_stop.h"

namespace varve {
namespace {

TEST(Hex, RoundTripsAndRefusesWhatIsNotHex) {
  const Bytes bytes = {0x00, 0x7f, 0xff};
  EXPECT_EQ(to_hex(bytes), "007fff");
  EXPECT_EQ(from_hex("007FfF"), bytes);
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_FALSE(Id::parse("00"));
}

TEST(Rfc3339, PrintsAsGoDoes) {
  const auto time = parse_rfc3339("2026-11-21T10:15:02.500+01:00");
  ASSERT_TRUE(time);
  EXPECT_EQ(format_rfc3339(*time), "2026-11-21T09:15:02.5Z");
  EXPECT_EQ(format_utc(*time), "2026-11-21 09:15:02 UTC");
  EXPECT_EQ(parse_rfc3339("9999-12-31T23:59:59Z"), Time::max());
  EXPECT_EQ(parse_rfc3339("0001-01-01T00:00:00Z"), Time::min());
  EXPECT_EQ(format_rfc3339(*parse_rfc3339("1969-12-31T23:59:59.999999999Z")), "1969-12-31T23:59:59.999999999Z");
}

TEST(Rfc3339, RefusesTimesWithoutAZoneOrOutOfRange) {
  for (const char* text : {"2026-11-21T10:15:02", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
                           "2026-11-21T24:00:00Z", "2026-11-21T10:15:02.Z", "2026-11-21T10:15:02Zx", ""}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Channel, HandsOverInOrderAndEndsWhenClosed) {
  Channel<int> channel(2);
  TaskGroup group{Cancel()};
  group.spawn([&](const Cancel& cancel) -> Status {
    for (int i = 0; i < 100; ++i) {
      if (!channel.push(i, cancel)) return fail(ErrorKind::kInternal, "closed");
    }
    channel.close();
    return {};
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(channel.pop(Cancel()), i);
  EXPECT_EQ(channel.pop(Cancel()), std::nullopt);
  EXPECT_TRUE(group.wait());
}

TEST(TaskGroup, TheFirstErrorStopsTheOthersAndIsKept) {
  TaskGroup group{Cancel()};
  Channel<int> never(1);
  group.spawn([&](const Cancel& cancel) -> Status {
    never.pop(cancel);
    return cancel.check();
  });
  group.spawn([](const Cancel&) -> Status { return fail(ErrorKind::kNoSpace, "full"); });
  const auto result = group.wait();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kNoSpace);
}

TEST(Cancel, TellsWhyIfThereIsAReason) {
  std::stop_source source;
  const auto reason = std::make_shared<StopReason>();
  const Cancel cancel(source.get_token(), reason);
  EXPECT_TRUE(cancel.check());
  reason->say(Error(ErrorKind::kLocked, "the lock is gone"));
  reason->say(Error(ErrorKind::kInternal, "too late"));
  EXPECT_TRUE(cancel.check()) << "the reason is said before the stop";
  source.request_stop();
  EXPECT_EQ(cancel.check().error().message(), "the lock is gone");
  TaskGroup group(cancel);
  group.spawn([](const Cancel& inner) { return inner.check(); });
  EXPECT_EQ(group.wait().error().kind(), ErrorKind::kLocked);
  source = std::stop_source();
  source.request_stop();
  EXPECT_EQ(Cancel(source.get_token()).check().error().kind(), ErrorKind::kCancelled);
}

TEST(TimedStop, StopsWhenItsTimeIsOverOrItsParentStops) {
  const TimedStop soon(std::chrono::milliseconds(1));
  EXPECT_FALSE(soon.cancel().sleep(std::chrono::hours(1)));
  EXPECT_EQ(soon.cancel().check().error().kind(), ErrorKind::kUnavailable);
  std::stop_source parent;
  const TimedStop late(std::chrono::hours(1), Cancel(parent.get_token()));
  EXPECT_TRUE(late.cancel().check());
  parent.request_stop();
  EXPECT_EQ(late.cancel().check().error().kind(), ErrorKind::kCancelled);
}

TEST(TaskGroup, StopsWithItsParent) {
  std::stop_source parent;
  TaskGroup group{Cancel(parent.get_token())};
  group.spawn([](const Cancel& cancel) -> Status {
    cancel.sleep(std::chrono::hours(1));
    return cancel.check();
  });
  parent.request_stop();
  EXPECT_EQ(group.wait().error().kind(), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace varve
