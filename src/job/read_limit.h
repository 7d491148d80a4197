#pragma once

#include <algorithm>

#include "base/rate_limit.h"

namespace varve::job {

/// How fast all readers of a backup together may read from the server.
class ReadLimit : public RateLimit {
 public:
  /// The least rate for so many readers. They wait for each other, so below it one would pause so long between two
  /// replies of 16 MB that the server, which takes ten minutes, forgets its cursor.
  static uint64_t least_for(unsigned readers) { return std::max<uint64_t>(16, readers) * kLeastOfEach; }

  using RateLimit::RateLimit;

 private:
  static constexpr uint64_t kLeastOfEach = 64 << 10;  // about four minutes a reply
};

}  // namespace varve::job
