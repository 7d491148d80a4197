#include "maintenance/replace_snapshot.h"

#include "maintenance/read_back.h"

namespace varve::maintenance {

Result<Id> replace_snapshot(repo::Repository& repository, const repo::Snapshot& changed, const Cancel& cancel) {
  TRY_ASSIGN(const Id id, save_and_read_back(repository, changed, cancel));
  auto removed = repository.confirm_locks(cancel);
  if (removed) removed = repository.storage().remove({storage::FileType::kSnapshot, changed.id}, cancel);
  if (!removed) {
    return fail(std::move(removed)
                    .error()
                    .within("snapshot " + changed.id.short_hex() + " was saved anew as " + id.short_hex() +
                            ", but the old one cannot be removed")
                    .hint("`varve forget " + changed.id.short_hex() + "` removes it"));
  }
  return id;
}

}  // namespace varve::maintenance
