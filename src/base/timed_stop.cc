#include "base/timed_stop.h"

namespace varve {

TimedStop::TimedStop(std::chrono::nanoseconds after, const Cancel& parent)
    : relay_(parent.token(), [this, parent] { stop(parent.check().error()); }),
      timer_([this, after](std::stop_token ended) {
        if (Cancel(std::move(ended)).sleep(after)) stop(Error(ErrorKind::kUnavailable, "there was no answer in time"));
      }) {}

void TimedStop::stop(Error why) {
  reason_->say(std::move(why));
  source_.request_stop();
}

}  // namespace varve
