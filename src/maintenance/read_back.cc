#include "maintenance/read_back.h"

#include "base/timed_stop.h"
#include "maintenance/index_replacement.h"

namespace varve::maintenance {

namespace {

using storage::FileType;

tl::unexpected<Error> cannot_read(repo::Repository& repository, const storage::Handle& handle, Error error,
                                  const std::string& what) {
  if (error.kind() == ErrorKind::kCorrupt) (void)repository.storage().remove(handle, TimedStop(kCleanUp).cancel());
  return fail(std::move(error).within(what + " cannot be read back as it was written, so the old one stays"));
}

}  // namespace

Status read_back_index(repo::Repository& repository, const std::vector<Id>& files, const Cancel& cancel) {
  for (const Id& file : files) {
    auto packs = read_index_file(repository, file, cancel);
    if (!packs) {
      return cannot_read(repository, {FileType::kIndex, file}, std::move(packs).error(),
                         "new index file " + file.short_hex());
    }
  }
  return {};
}

Result<Id> save_and_read_back(repo::Repository& repository, const repo::Snapshot& snapshot, const Cancel& cancel) {
  TRY_ASSIGN(const Id id, repository.save_snapshot(snapshot, cancel));
  auto json = repository.load_file(FileType::kSnapshot, id, cancel);
  if (json && *json == repo::encode_snapshot(snapshot)) return id;
  Error error = json ? Error(ErrorKind::kCorrupt, "it says something else") : std::move(json).error();
  return cannot_read(repository, {FileType::kSnapshot, id}, std::move(error), "new snapshot " + id.short_hex());
}

}  // namespace varve::maintenance
