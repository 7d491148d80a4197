#include "storage/remove_all.h"

#include <algorithm>
#include <mutex>

#include "base/parallel.h"

namespace varve::storage {

Status remove_all(Storage& storage, std::span<const Handle> handles,
                  const std::function<void(const Handle&, const Status&)>& done, const Cancel& cancel) {
  const size_t at_once = std::max<size_t>(1, storage.removes_at_once());
  std::mutex mutex;
  const auto remove_part = [&](size_t i, const Cancel& inner) -> Status {
    const auto rest = handles.subspan(i * at_once);
    const auto part = rest.first(std::min(at_once, rest.size()));
    const auto outcomes = storage.remove_some(part, inner);
    TRY(inner.check());
    const std::lock_guard lock(mutex);
    for (size_t k = 0; k < part.size(); ++k) done(part[k], outcomes[k]);
    return {};
  };
  const size_t parts = (handles.size() + at_once - 1) / at_once;
  return parallel_for(parts, std::max(1u, storage.connections()), cancel, remove_part);
}

}  // namespace varve::storage
