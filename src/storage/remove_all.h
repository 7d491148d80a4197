#pragma once

#include <functional>
#include <span>

#include "storage/storage.h"

namespace varve::storage {

/// Removes many files over all connections, several with one request where the store can. `done` is told what became of
/// each, by one thread at a time; what is not there counts as removed. An error only if all must end: `done` has not
/// heard of all then.
Status remove_all(Storage& storage, std::span<const Handle> handles,
                  const std::function<void(const Handle&, const Status&)>& done, const Cancel& cancel);

}  // namespace varve::storage
