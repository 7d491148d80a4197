#include <algorithm>

#include "repo/parallel.h"
#include "repo/repository.h"
#include "repo/unpacked.h"

namespace varve::repo {

namespace {

using storage::FileInfo;
using storage::FileType;

constexpr size_t kMaxNamed = 5;

std::string describe(const Snapshot& snapshot) {
  std::string out = snapshot.id.short_hex() + " of " + format_utc(snapshot.time);
  if (!snapshot.hostname.empty()) out += ", host " + snapshot.hostname;
  for (const auto& path : snapshot.paths) out += ", " + path;
  return out;
}

Result<Snapshot> load_snapshot(Repository& repository, const FileInfo& file, const Cancel& cancel) {
  TRY_ASSIGN(const auto json, load_unpacked(repository, FileType::kSnapshot, file.id, file.size, cancel));
  return decode_snapshot(json, file.id);
}

/// Says what there is, newest first, after a name that did not fit.
Error with_choices(Error error, const std::vector<Snapshot>& oldest_first) {
  if (oldest_first.empty()) return std::move(error).hint("the repository holds no snapshot");
  size_t named = 0;
  for (auto it = oldest_first.rbegin(); it != oldest_first.rend() && named < kMaxNamed; ++it, ++named) {
    error.hint("there is " + describe(*it));
  }
  if (oldest_first.size() > named) error.hint("and " + std::to_string(oldest_first.size() - named) + " older");
  return error;
}

Result<Snapshot> find_latest(Repository& repository, const SnapshotFilter& filter, const Cancel& cancel) {
  TRY_ASSIGN(const auto all, repository.snapshots(cancel));
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    if (may_be_latest(filter, *it)) return *it;
  }
  return fail(with_choices(Error(ErrorKind::kNotFound, "there is no snapshot" + describe(filter)), all));
}

Result<Snapshot> one_of(Repository& repository, std::string_view name, const std::vector<FileInfo>& found,
                        const Cancel& cancel) {
  if (found.size() == 1) return load_snapshot(repository, found.front(), cancel);
  Error error(ErrorKind::kInvalidInput,
              "\"" + std::string(name) + "\" is not one snapshot but the beginning of " + std::to_string(found.size()));
  for (size_t i = 0; i < found.size() && i < kMaxNamed; ++i) {
    const auto snapshot = load_snapshot(repository, found[i], cancel);
    error.hint(found[i].id.hex().substr(0, std::max<size_t>(8, name.size() + 4)) +
               (snapshot ? " of " + format_utc(snapshot->time) : std::string(", which is damaged")));
  }
  return fail(std::move(error));
}

}  // namespace

Result<std::vector<Snapshot>> Repository::snapshots(const Cancel& cancel) {
  TRY_ASSIGN(const auto files, list_files(storage(), FileType::kSnapshot, cancel));
  std::vector<Snapshot> all(files.size());
  const auto load_one = [&](size_t i, const Cancel& inner) -> Status {
    TRY_ASSIGN(all[i], load_snapshot(*this, files[i], inner));
    return {};
  };
  TRY(parallel_for(files.size(), storage().connections(), cancel, load_one));
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return std::tie(a.time, a.id) < std::tie(b.time, b.id); });
  return all;
}

Result<Snapshot> Repository::find_snapshot(std::string_view name, const SnapshotFilter& filter, const Cancel& cancel) {
  if (name == "latest") return find_latest(*this, filter, cancel);
  const std::string prefix = lower_hex(name);
  if (prefix.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "\"" + std::string(name) + "\" is no name of a snapshot")
                    .hint("give an id, the beginning of one, or \"latest\""));
  }
  TRY_ASSIGN(auto files, list_files(storage(), FileType::kSnapshot, cancel));
  std::erase_if(files, [&](const FileInfo& file) { return !file.id.hex().starts_with(prefix); });
  if (!files.empty()) return one_of(*this, name, files, cancel);

  TRY_ASSIGN(const auto all, snapshots(cancel));
  return fail(with_choices(Error(ErrorKind::kNotFound, "there is no snapshot \"" + std::string(name) + "\""), all));
}

Result<Id> Repository::save_snapshot(const Snapshot& snapshot, const Cancel& cancel) {
  return save_file(FileType::kSnapshot, encode_snapshot(snapshot), cancel);
}

}  // namespace varve::repo
