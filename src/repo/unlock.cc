#include "repo/unlock.h"

#include "repo/lock_file.h"

namespace varve::repo {

namespace {

constexpr auto kStaleAfter = std::chrono::minutes(30);

Result<std::vector<Id>> every_lock(Repository& repository, const Cancel& cancel) {
  std::vector<Id> ids;
  TRY(repository.storage().list(
      storage::FileType::kLock,
      [&](const storage::FileInfo& file) -> Status {
        ids.push_back(file.id);
        return {};
      },
      cancel));
  return ids;
}

/// False if somebody else removed it first.
Result<bool> remove_lock(Repository& repository, const Id& id, const Cancel& cancel) {
  const auto removed = repository.storage().remove({storage::FileType::kLock, id}, cancel);
  if (!removed && removed.error().kind() == ErrorKind::kNotFound) return false;
  TRY(removed);
  return true;
}

}  // namespace

Result<Unlocked> unlock(Repository& repository, bool all, const Cancel& cancel, const Clock& clock) {
  std::vector<Id> doomed;
  Unlocked result;
  if (all) {
    TRY_ASSIGN(doomed, every_lock(repository, cancel));
  } else {
    TRY_ASSIGN(const auto locks, read_locks(repository, std::nullopt, cancel, clock));
    for (const auto& lock : locks) {
      if (is_left_behind(lock) || clock.now() - lock.time > kStaleAfter) {
        doomed.push_back(lock.id);
      } else {
        ++result.left;
      }
    }
  }
  for (const auto& id : doomed) {
    TRY_ASSIGN(const bool removed, remove_lock(repository, id, cancel));
    result.removed += removed;
  }
  return result;
}

}  // namespace varve::repo
