#pragma once

#include <memory>
#include <thread>
#include <unordered_map>

#include "storage/storage.h"

namespace varve::repo {

/// Packs whose content was found to be what their names say, and their sizes.
using HashedPacks = std::unordered_map<Id, uint64_t>;

/// Reads packs and compares them with their names, for which no key is needed: a password takes one core half a second,
/// and the other can do this part of a check meanwhile. On a thread of its own; start and stop are called by one
/// thread.
class PackHasher {
 public:
  /// Begins with the packs of `storage`, in its own order. Does nothing on a machine that has but one core, nor where
  /// the same bytes would come over a network twice.
  void start(std::shared_ptr<storage::Storage> storage);
  /// Ends it within one piece of a pack, and gives what was good. What is not in it is not known to be bad.
  HashedPacks stop();

 private:
  HashedPacks good_;
  std::jthread thread_;  // last: uses what stands above
};

}  // namespace varve::repo
