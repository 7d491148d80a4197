#include "storage/remove_all.h"

#include <algorithm>
#include <mutex>

#include "base/parallel.h"

namespace varve::storage {

Status remove_all(Storage& storage, std::span<const Handle> handles,
                  const std::function<void(const Handle&, const Status&)>& done, const Cancel& cancel) {
  std::mutex mutex;
  const auto remove_part = [&](std::span<const Handle> part, const Cancel& inner) -> Status {
    const auto outcomes = storage.remove_some(part, inner);
    TRY(inner.check());
    const std::lock_guard lock(mutex);
    for (size_t k = 0; k < part.size(); ++k) done(part[k], outcomes[k]);
    return {};
  };
  const size_t connections = std::max(1u, storage.connections());
  // The first few tell whether the store, which is said to, can remove many at once.
  const auto first = handles.first(std::min(handles.size(), connections));
  if (storage.removes_at_once() > 1) {
    TRY(remove_part(first, cancel));
    handles = handles.subspan(first.size());
  }
  const size_t at_once = std::max<size_t>(1, storage.removes_at_once());
  const size_t parts = (handles.size() + at_once - 1) / at_once;
  return parallel_for(parts, static_cast<unsigned>(connections), cancel, [&](size_t i, const Cancel& inner) {
    const auto rest = handles.subspan(i * at_once);
    return remove_part(rest.first(std::min(at_once, rest.size())), inner);
  });
}

}  // namespace varve::storage
