#pragma once

#include <atomic>
#include <functional>

#include "base/task_group.h"

namespace varve {

/// What `act` gives; an exception that nobody expected is an error as well.
inline Status without_exceptions(const std::function<Status()>& act) {
  try {
    return act();
  } catch (const std::exception& e) {
    return fail(exception_error(e));
  }
}

/// Calls `work(i)` for every i below `count` on up to `threads` threads; the first error stops the rest.
inline Status parallel_for(size_t count, unsigned threads, const Cancel& cancel,
                           const std::function<Status(size_t, const Cancel&)>& work) {
  std::atomic<size_t> next = 0;
  TaskGroup group(cancel);
  for (unsigned t = 0; t < threads && t < count; ++t) {
    group.spawn([&](const Cancel& inner) -> Status {
      for (size_t i = next++; i < count; i = next++) {
        TRY(inner.check());
        TRY(work(i, inner));
      }
      return {};
    });
  }
  return group.wait();
}

}  // namespace varve
