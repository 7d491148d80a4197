#include "repo/snapshot_files.h"

#include <algorithm>

#include "repo/parallel.h"
#include "repo/unpacked.h"
#include "repo/walk_trees.h"

namespace varve::repo {

namespace {

using storage::FileType;

Result<Snapshot> load_one(Repository& repository, const storage::FileInfo& file, const Cancel& cancel) {
  TRY_ASSIGN(const auto json, load_unpacked(repository, FileType::kSnapshot, file.id, file.size, cancel));
  return decode_snapshot(json, file.id);
}

/// The unreadable after everything that has a time.
bool earlier(const SnapshotFile& a, const SnapshotFile& b) {
  if (!a.snapshot || !b.snapshot) return a.snapshot.has_value() > b.snapshot.has_value();
  return std::tie(a.snapshot->time, a.id) < std::tie(b.snapshot->time, b.id);
}

/// Which of `all` one name means.
Result<size_t> find_one(const std::vector<SnapshotFile>& all, const std::string& name, const SnapshotFilter& filter) {
  if (name == "latest") {
    for (size_t i = all.size(); i-- > 0;) {
      if (all[i].snapshot && may_be_latest(filter, *all[i].snapshot)) return i;
    }
    return fail(ErrorKind::kNotFound, "there is no snapshot" + describe(filter));
  }
  std::optional<size_t> found;
  for (size_t i = 0; i < all.size(); ++i) {
    if (name.empty() || !all[i].id.hex().starts_with(name)) continue;
    if (found) {
      return fail(Error(ErrorKind::kInvalidInput, "\"" + name + "\" is the beginning of several snapshots")
                      .hint(all[*found].id.hex())
                      .hint(all[i].id.hex()));
    }
    found = i;
  }
  if (found) return *found;
  return fail(Error(ErrorKind::kNotFound, "there is no snapshot \"" + name + "\"")
                  .hint("`varve snapshots` lists those that there are"));
}

}  // namespace

Result<std::vector<SnapshotFile>> read_snapshot_files(Repository& repository, const Cancel& cancel) {
  TRY_ASSIGN(const auto files, list_files(repository.storage(), FileType::kSnapshot, cancel));
  std::vector<SnapshotFile> all;
  for (const auto& file : files) all.push_back({file.id, Snapshot{}});
  TRY(parallel_for(files.size(), repository.storage().connections(), cancel,
                   [&](size_t i, const Cancel& inner) -> Status {
                     all[i].snapshot = load_one(repository, files[i], inner);
                     const bool fatal = !all[i].snapshot && !is_damage(all[i].snapshot.error());
                     return fatal ? Status(fail(all[i].snapshot.error())) : Status();
                   }));
  std::stable_sort(all.begin(), all.end(), earlier);
  return all;
}

Result<std::vector<SnapshotFile>> select_snapshot_files(std::vector<SnapshotFile> all,
                                                        const std::vector<std::string>& names,
                                                        const SnapshotFilter& filter) {
  if (names.empty()) {
    std::erase_if(all, [&](const SnapshotFile& file) { return file.snapshot && !matches(filter, *file.snapshot); });
    return all;
  }
  if (!filter.empty() && std::find(names.begin(), names.end(), "latest") == names.end()) {
    return fail(Error(ErrorKind::kInvalidInput, "--host, --path and --tag have no say in snapshots that are named")
                    .hint("leave out the ids to select by host, path and tag"));
  }
  std::vector<SnapshotFile> chosen;
  for (const auto& name : names) {
    TRY_ASSIGN(const size_t at, find_one(all, name, filter));
    const bool known =
        std::any_of(chosen.begin(), chosen.end(), [&](const auto& file) { return file.id == all[at].id; });
    if (!known) chosen.push_back(all[at]);
  }
  return chosen;
}

}  // namespace varve::repo
