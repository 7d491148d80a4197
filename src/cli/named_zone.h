#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace varve::cli {

/// What a zone's clock shows at which times.
struct ShownAt {
  enum class Kind : uint8_t { kOnce, kTwice, kNever };
  Kind kind = Kind::kOnce;
  Time first;   ///< where never: when the clock is put forward
  Time second;  ///< where twice
};
/// `shown`: the figures, as though they were UTC. `zone`: as in the tz database, "Europe/Berlin". kInvalidInput for a
/// zone that is not there.
Result<ShownAt> when_shown(Time shown, const std::string& zone);

}  // namespace varve::cli
