#include "job/workers.h"

#include <algorithm>
#include <atomic>

#include "base/task_group.h"

namespace varve::job {

Status for_each_connected(const mongo::Uri& uri, unsigned workers, size_t count, const Step& step,
                          const Cancel& cancel) {
  std::atomic<size_t> next{0};
  TaskGroup group(cancel);
  for (size_t i = 0; i < std::min<size_t>(workers, count); ++i) {
    group.spawn([&](const Cancel& stop) -> Status {
      TRY_ASSIGN(auto connection, mongo::Connection::open(uri, stop));
      for (size_t index; (index = next++) < count;) {
        TRY(stop.check());
        TRY(step(connection, index, stop));
      }
      return {};
    });
  }
  return group.wait();
}

}  // namespace varve::job
