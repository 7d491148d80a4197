#pragma once

#include <algorithm>
#include <atomic>
#include <functional>

#include "base/task_group.h"
#include "mongo/connection.h"

namespace varve::job {

/// Calls `step(connection, index, cancel)` once for each index below `count`, in ascending order of their beginnings,
/// by `workers` threads each with what `open(cancel)` gives it. The first error stops the others and is returned.
template <typename Open, typename Step>
Status for_each_opened(unsigned workers, size_t count, const Open& open, const Step& step, const Cancel& cancel) {
  std::atomic<size_t> next{0};
  TaskGroup group(cancel);
  for (size_t i = 0; i < std::min<size_t>(workers, count); ++i) {
    group.spawn([&](const Cancel& stop) -> Status {
      TRY_ASSIGN(auto connection, open(stop));
      for (size_t index; (index = next++) < count;) {
        TRY(stop.check());
        TRY(step(connection, index, stop));
      }
      return {};
    });
  }
  return group.wait();
}

/// The same with a connection to `uri` for each thread.
using Step = std::function<Status(mongo::Connection&, size_t index, const Cancel&)>;
Status for_each_connected(const mongo::Uri& uri, unsigned workers, size_t count, const Step& step,
                          const Cancel& cancel);

}  // namespace varve::job
