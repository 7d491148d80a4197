#include "repo/snapshot_files.h"

#include <algorithm>

#include "base/parallel.h"
#include "repo/unpacked.h"
#include "repo/walk_trees.h"

namespace varve::repo {

namespace {

using storage::FileType;

constexpr std::string_view kLatest = "latest";
constexpr size_t kMaxNamed = 5;

Result<Snapshot> load_one(Repository& repository, const storage::FileInfo& file, const Cancel& cancel) {
  TRY_ASSIGN(const auto json, load_unpacked(repository, FileType::kSnapshot, file.id, file.size, cancel));
  return decode_snapshot(json, file.id);
}

/// The unreadable after everything that has a time.
bool earlier(const SnapshotFile& a, const SnapshotFile& b) {
  if (!a.snapshot || !b.snapshot) return a.snapshot.has_value() > b.snapshot.has_value();
  return std::tie(a.snapshot->time, a.id) < std::tie(b.snapshot->time, b.id);
}

std::string describe(const SnapshotFile& file, size_t digits = 8) {
  std::string out = file.id.hex().substr(0, digits);
  if (!file.snapshot) return out + ", which is damaged";
  out += " of " + format_utc(file.snapshot->time);
  if (!file.snapshot->hostname.empty()) out += ", host " + file.snapshot->hostname;
  for (const auto& path : file.snapshot->paths) out += ", " + path;
  return out;
}

/// Says what there is, newest first, after a name that did not fit.
Error with_choices(Error error, const std::vector<SnapshotFile>& oldest_first) {
  if (oldest_first.empty()) return std::move(error).hint("the repository holds no snapshot");
  size_t named = 0;
  for (auto it = oldest_first.rbegin(); it != oldest_first.rend() && named < kMaxNamed; ++it, ++named) {
    error.hint("there is " + describe(*it));
  }
  if (oldest_first.size() > named) error.hint("and " + std::to_string(oldest_first.size() - named) + " older");
  return error;
}

Result<SnapshotFile> find_latest(const std::vector<SnapshotFile>& all, const SnapshotFilter& filter) {
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const SnapshotFile& file) {
    return file.snapshot && may_be_latest(filter, *file.snapshot);
  });
  if (found != all.rend()) return *found;
  return fail(with_choices(Error(ErrorKind::kNotFound, "there is no snapshot" + describe(filter)), all));
}

Error ambiguous(std::string_view name, const std::vector<const SnapshotFile*>& found) {
  Error error(ErrorKind::kInvalidInput,
              "\"" + std::string(name) + "\" is not one snapshot but the beginning of " + std::to_string(found.size()));
  for (size_t i = 0; i < found.size() && i < kMaxNamed; ++i) {
    error.hint(describe(*found[i], std::max<size_t>(8, name.size() + 4)));
  }
  return error;
}

}  // namespace

bool is_latest(std::string_view name) {
  return name == kLatest;
}

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

Result<SnapshotFile> find_snapshot_file(const std::vector<SnapshotFile>& all, std::string_view name,
                                        const SnapshotFilter& filter) {
  if (is_latest(name)) return find_latest(all, filter);
  const std::string beginning = lower_hex(name);
  if (beginning.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "\"" + std::string(name) + "\" is no name of a snapshot")
                    .hint("give an id, the beginning of one, or \"latest\""));
  }
  std::vector<const SnapshotFile*> found;
  for (const auto& file : all) {
    if (file.id.hex().starts_with(beginning)) found.push_back(&file);
  }
  if (found.size() == 1) return *found.front();
  if (!found.empty()) return fail(ambiguous(name, found));
  return fail(with_choices(Error(ErrorKind::kNotFound, "there is no snapshot \"" + std::string(name) + "\""), all));
}

Result<std::vector<SnapshotFile>> select_snapshot_files(std::vector<SnapshotFile> all,
                                                        const std::vector<std::string>& names,
                                                        const SnapshotFilter& filter) {
  if (names.empty()) {
    std::erase_if(all, [&](const SnapshotFile& file) { return file.snapshot && !matches(filter, *file.snapshot); });
    return all;
  }
  if (!filter.empty() && std::none_of(names.begin(), names.end(), is_latest)) {
    return fail(Error(ErrorKind::kInvalidInput,
                      "snapshots were named, so selecting those" + describe(filter) + " changes nothing")
                    .hint("give ids, or --host, --path and --tag, or \"latest\" with these"));
  }
  std::vector<SnapshotFile> chosen;
  for (const auto& name : names) {
    TRY_ASSIGN(auto found, find_snapshot_file(all, name, filter));
    const auto same = [&](const SnapshotFile& file) { return file.id == found.id; };
    if (std::none_of(chosen.begin(), chosen.end(), same)) chosen.push_back(std::move(found));
  }
  return chosen;
}

Status refuse_unreadable(const std::vector<SnapshotFile>& files) {
  for (const auto& file : files) TRY(file.snapshot);
  return {};
}

Result<std::vector<Snapshot>> contents_of(std::vector<SnapshotFile> files) {
  TRY(refuse_unreadable(files));
  std::vector<Snapshot> snapshots;
  for (auto& file : files) snapshots.push_back(std::move(*file.snapshot));
  return snapshots;
}

// What most callers need: snapshots that can be read.

Result<std::vector<Snapshot>> Repository::snapshots(const Cancel& cancel) {
  TRY_ASSIGN(auto all, read_snapshot_files(*this, cancel));
  return contents_of(std::move(all));
}

Result<Snapshot> Repository::find_snapshot(std::string_view name, const SnapshotFilter& filter, const Cancel& cancel) {
  // Where an id names one of them, the others need not be read.
  if (const std::string beginning = lower_hex(name); !beginning.empty()) {
    TRY_ASSIGN(auto files, list_files(storage(), FileType::kSnapshot, cancel));
    std::erase_if(files, [&](const storage::FileInfo& file) { return !file.id.hex().starts_with(beginning); });
    if (files.size() == 1) return load_one(*this, files.front(), cancel);
  }
  TRY_ASSIGN(const auto all, read_snapshot_files(*this, cancel));
  if (is_latest(name)) TRY(refuse_unreadable(all));  // one that cannot be read may be the one
  TRY_ASSIGN(auto found, find_snapshot_file(all, name, filter));
  return std::move(found.snapshot);
}

Result<Id> Repository::save_snapshot(const Snapshot& snapshot, const Cancel& cancel) {
  TRY(confirm_locks(cancel));
  return save_file(FileType::kSnapshot, encode_snapshot(snapshot), cancel);
}

}  // namespace varve::repo
