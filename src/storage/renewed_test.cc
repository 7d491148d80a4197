#include "storage/renewed.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "storage/testing/set_clock.h"

namespace varve::storage {
namespace {

using namespace std::chrono_literals;
using testing::SetClock;
using Thing = Renewed<int>;

Thing::Made made(int value) {
  return std::make_shared<int>(value);
}

void wait_for(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::sleep_for(1ms);
}

TEST(Renewed, IsMadeOnceForAllWhoWaitAndKept) {
  Thing thing;
  std::atomic<int> makes = 0, right = 0;
  const auto make = [&]() -> Thing::Made {
    std::this_thread::sleep_for(50ms);
    return made(++makes);
  };
  const auto good = [](const int&) { return Use::kGood; };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        if (const auto got = thing.get(Cancel(), good, make); got && **got == 1) ++right;
      });
    }
  }
  EXPECT_EQ(makes, 1);
  EXPECT_EQ(right, 8);
}

TEST(Renewed, IsMadeByOneWhileTheOthersGoOn) {
  SetClock clock;
  Thing thing(clock, std::make_shared<int>(1));
  const auto due = [](const int& value) { return value == 1 ? Use::kDue : Use::kGood; };
  std::atomic<bool> making = false, go_on = false;
  std::jthread one([&] {
    const auto got = thing.get(Cancel(), due, [&]() -> Thing::Made {
      making = true;
      wait_for(go_on);
      return made(2);
    });
    EXPECT_EQ(**got, 2);
  });
  wait_for(making);
  EXPECT_EQ(**thing.get(Cancel(), due, [] { return made(3); }), 1);
  go_on = true;
  one.join();
  EXPECT_EQ(**thing.get(Cancel(), due, [] { return made(3); }), 2);
}

TEST(Renewed, ServesToItsEndAndIsNotAskedForAllTheTime) {
  SetClock clock;
  Thing thing(clock, std::make_shared<int>(1));
  Use use = Use::kDue;
  int makes = 0;
  const auto fails = [&]() -> Thing::Made {
    ++makes;
    return fail(ErrorKind::kUnavailable, "away");
  };
  const auto judge = [&](const int&) { return use; };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(**thing.get(Cancel(), judge, fails), 1);
  EXPECT_EQ(makes, 1);
  clock.go_on(31);
  EXPECT_EQ(**thing.get(Cancel(), judge, fails), 1);
  EXPECT_EQ(makes, 2);
  use = Use::kOver;
  EXPECT_EQ(thing.get(Cancel(), judge, fails).error().kind(), ErrorKind::kUnavailable);
}

TEST(Renewed, IsGoneBeforeAnotherIsMade) {
  auto first = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = first;
  Thing thing(system_clock(), std::move(first));
  const auto over = [](const int& value) { return value == 1 ? Use::kOver : Use::kGood; };
  EXPECT_EQ(**thing.get(Cancel(), over,
                        [&] {
                          EXPECT_TRUE(watch.expired());
                          return made(2);
                        }),
            2);
}

TEST(Renewed, LetsTheNextOneTryWhereOneThrowsOrStops) {
  Thing thing;
  const auto good = [](const int&) { return Use::kGood; };
  EXPECT_THROW((void)thing.get(Cancel(), good, []() -> Thing::Made { throw std::runtime_error("x"); }),
               std::runtime_error);
  std::atomic<bool> making = false, stop = false;
  std::jthread stopped([&] {
    const auto got = thing.get(Cancel(), good, [&]() -> Thing::Made {
      making = true;
      wait_for(stop);
      return fail(ErrorKind::kCancelled, "stopped");
    });
    EXPECT_EQ(got.error().kind(), ErrorKind::kCancelled);
  });
  wait_for(making);
  std::jthread waiting([&] { EXPECT_EQ(**thing.get(Cancel(), good, [] { return made(2); }), 2); });
  std::this_thread::sleep_for(20ms);
  stop = true;
}

TEST(Lease, IsDueMinutesBeforeItIsOver) {
  const Lease hour(0s, 1h);
  EXPECT_EQ(hour.at(55min), Use::kGood);
  EXPECT_EQ(hour.at(57min), Use::kDue);
  EXPECT_EQ(hour.at(59min), Use::kOver);
  const Lease short_one(0s, 10s);
  EXPECT_EQ(short_one.at(2s), Use::kGood);
  EXPECT_EQ(short_one.at(3s), Use::kDue);
  EXPECT_EQ(short_one.at(5s), Use::kOver);
  EXPECT_EQ(Lease(5s, 0s).at(5s), Use::kOver);
  EXPECT_EQ(Lease().at(1'000'000h), Use::kGood);
}

}  // namespace
}  // namespace varve::storage
