#include "job/workers.h"

namespace varve::job {

Status for_each_connected(const mongo::Uri& uri, unsigned workers, size_t count, const Step& step,
                          const Cancel& cancel) {
  const auto open = [&](const Cancel& stop) { return mongo::Connection::open(uri, stop); };
  return for_each_opened(workers, count, open, step, cancel);
}

}  // namespace varve::job
