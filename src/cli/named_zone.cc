#include "cli/named_zone.h"

#include <exception>

#include <date/tz.h>

namespace varve::cli {

Result<ShownAt> when_shown(Time shown, const std::string& zone) {
  const date::time_zone* found = nullptr;
  try {
    found = date::locate_zone(zone);
  } catch (const std::exception&) {  // of the library, by which it tells that it knows none
    return fail(Error(ErrorKind::kInvalidInput, "no zone is called " + zone)
                    .hint("such as Europe/Berlin, as `timedatectl list-timezones` has them, or an offset, +01:00"));
  }
  const auto local = date::local_time<Time::duration>(shown.time_since_epoch());
  const auto info = found->get_info(local);
  const auto at = [&](const date::sys_info& of) { return Time(local.time_since_epoch() - of.offset); };
  switch (info.result) {
    case date::local_info::ambiguous:
      return ShownAt{ShownAt::Kind::kTwice, at(info.first), at(info.second)};
    case date::local_info::nonexistent:
      return ShownAt{ShownAt::Kind::kNever, Time(info.first.end), {}};
    default:
      return ShownAt{ShownAt::Kind::kOnce, at(info.first), {}};
  }
}

}  // namespace varve::cli
