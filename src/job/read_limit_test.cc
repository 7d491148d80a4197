#include "job/read_limit.h"

#include <gtest/gtest.h>

#include "base/testing/paid.h"

namespace varve::job {
namespace {

using namespace std::chrono_literals;

using testing::FakeClock;
using testing::waited;

// A server forgets a cursor of which nothing was asked for ten minutes.
TEST(ReadLimit, AtTheLeastRateNoReaderPausesForTooLong) {
  for (const unsigned readers : {0u, 1u, 16u, 38u, 39u, 1000u}) {
    const FakeClock clock;
    ReadLimit limit(ReadLimit::least_for(readers), clock);
    std::stop_source stop;
    stop.request_stop();
    for (unsigned i = 1; i < readers; ++i) EXPECT_FALSE(limit.pay(16 << 20, Cancel(stop.get_token())));
    EXPECT_LE(waited(limit, 16 << 20, clock), 5min) << readers;
  }
}

}  // namespace
}  // namespace varve::job
