#include "files/file_restorer.h"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <unordered_map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parallel.h"
#include "files/blob_lengths.h"
#include "files/local_node.h"
#include "files/write_at.h"
#include "repo/read_blobs.h"
#include "repo/walk_trees.h"

namespace varve::files {

namespace {

using repo::BlobType;
using repo::Index;

// What gathers before it is written: enough for long requests, and some ten megabytes of plan.
constexpr size_t kMaxFiles = 1u << 15;
constexpr size_t kMaxBlobs = 1u << 17;
constexpr size_t kMaxOpen = 128;
// What is worth a wait for the disk while others are written.
constexpr size_t kManyFiles = 1u << 12;
constexpr uint64_t kManyBytes = 512u << 20;

void set_bit(std::vector<bool>& bits, size_t number) {
  if (number >= bits.size()) bits.resize(std::max(number + 1, bits.size() * 2));
  bits[number] = true;
}

unsigned cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

/// What is in somebody else's file may not come to have the snapshot's owner and mode.
Error replaced() {
  return Error(ErrorKind::kExists, "somebody removed it or put another file in its place");
}

/// Not the fault of one file, and not better with the next.
bool ends_all(const Error& error) {
  return error.kind() == ErrorKind::kNoSpace || is_stop(error);
}

}  // namespace

std::string FileRestorer::path_of(const File& file) {
  const std::string folder = files::path_of(*file.folder);
  return folder == "/" ? "/" + file.node.name : folder + "/" + file.node.name;
}

Status FileRestorer::add(FolderPtr folder, repo::Node node, size_t number, const Cancel& cancel) {
  blobs_ += node.content.size();
  files_.emplace_back(std::move(folder), std::move(node), number);
  return files_.size() >= kMaxFiles || blobs_ >= kMaxBlobs ? flush(cancel) : Status();
}

Status FileRestorer::flush(const Cancel& cancel) {
  TRY(parallel_for(files_.size(), cores(), cancel, [&](size_t i, const Cancel& inner) -> Status {
    auto prepared = prepare(files_[i], inner);
    return prepared ? Status() : lose(files_[i], prepared.error());
  }));
  TRY(write(make_plan(), cancel));
  TRY(settle(cores(), cancel));
  files_.clear();
  blobs_ = 0;
  return {};
}

/// Decides what becomes of the file; one that needs no blobs is finished here.
Status FileRestorer::prepare(File& file, const Cancel& cancel) {
  const auto folder = target_.open(file.folder);
  std::optional<struct stat> info;
  if (folder) {
    TRY_ASSIGN(info, look_at(**folder, file.node.name));
  } else if (!options_.dry_run || folder.error().kind() != ErrorKind::kNotFound) {
    return fail(folder.error());
  }
  if (info) {
    TRY_ASSIGN(const bool kept, is_kept(file, *info));
    if (kept) {
      log_.skipped(path_of(file), file.node.size);
      return {};
    }
  }
  TRY(measure(file));
  if (info && S_ISREG(info->st_mode)) TRY(compare(file, **folder, *info, cancel));
  if (file.in_place && file.missing == 0 && static_cast<uint64_t>(info->st_size) == file.size) {
    leave_unchanged(file, *info);
    return {};
  }
  return begin(file, cancel);
}

/// The real lengths of its blobs.
Status FileRestorer::measure(File& file) const {
  TRY_ASSIGN(file.lengths, blob_lengths(repository_, file.node));
  for (const uint32_t length : file.lengths) file.size += length;
  file.missing = static_cast<uint32_t>(file.lengths.size());
  return {};
}

/// Whether what is there stays, by the rule for overwriting.
Result<bool> FileRestorer::is_kept(const File& file, const struct stat& info) const {
  if (options_.overwrite == Overwrite::kNever) return true;
  return options_.overwrite == Overwrite::kIfNewer && file.node.mtime <= modified_at(info);
}

/// Finds out which blobs a regular file that is there has already.
Status FileRestorer::compare(File& file, const Fd& folder, const struct stat& info, const Cancel& cancel) const {
  const bool trusted = options_.overwrite == Overwrite::kIfChanged && modified_at(info) == file.node.mtime &&
                       static_cast<uint64_t>(info.st_size) == file.size;
  std::vector<bool> present(file.lengths.size(), trusted);
  if (!trusted) {
    const auto fd = open_regular(folder, file.node.name, O_RDONLY);
    if (!fd) return {};  // what cannot be read is written anew
    TRY_ASSIGN(present, matching_blobs(*fd, file.node.content, file.lengths, cancel));
  }
  const auto found = static_cast<uint32_t>(std::count(present.begin(), present.end(), true));
  const bool complete = found == present.size() && static_cast<uint64_t>(info.st_size) == file.size;
  // Other names of the same file must not change with it: it is made anew unless nothing is to be changed.
  if (info.st_nlink > 1 && !complete) return {};
  file.in_place = true;
  file.present = std::move(present);
  file.missing -= found;
  return {};
}

void FileRestorer::leave_unchanged(File& file, const struct stat& info) {
  if (options_.dry_run) return log_.skipped(path_of(file), file.node.size);
  file.unchanged = true;
  file.durable = modified_at(info) == file.node.mtime;
  file.identity = {info.st_dev, info.st_ino};
  await_disk(file);
}

Status FileRestorer::begin(File& file, const Cancel& cancel) {
  log_.expect(file.node.size);
  if (options_.dry_run) {
    log_.bytes(path_of(file), file.node.size);
    log_.done(file.in_place ? RestoreAction::kUpdated : RestoreAction::kRestored, path_of(file), file.node.size);
    file.missing = 0;
    return {};
  }
  for (size_t i = 0; i < file.present.size(); ++i) {
    if (file.present[i]) log_.bytes(path_of(file), file.lengths[i]);
  }
  if (file.missing > 0) return {};
  TRY(open(file, cancel));
  return finish(file);
}

FileRestorer::Plan FileRestorer::make_plan() {
  Plan plan;
  std::unordered_map<Id, uint32_t> known;
  for (size_t f = 0; f < files_.size(); ++f) {
    const auto& file = files_[f];
    if (file.lost || file.missing == 0) continue;
    uint64_t offset = 0;
    for (size_t i = 0; i < file.lengths.size(); offset += file.lengths[i++]) {
      if (!file.present.empty() && file.present[i]) continue;
      const Id& id = file.node.content[i];
      const auto [at, is_new] = known.try_emplace(id, static_cast<uint32_t>(plan.blobs.size()));
      if (is_new) {
        plan.blobs.push_back({BlobType::kData, id, repository_.index().find(BlobType::kData, id).front()});
      }
      plan.uses.push_back({at->second, static_cast<uint32_t>(f), offset});
    }
  }
  std::sort(plan.uses.begin(), plan.uses.end(), [](const Use& a, const Use& b) {
    return std::tie(a.blob, a.file, a.offset) < std::tie(b.blob, b.file, b.offset);
  });
  plan.first_use.resize(plan.blobs.size() + 1, plan.uses.size());
  for (size_t i = plan.uses.size(); i-- > 0;) plan.first_use[plan.uses[i].blob] = i;
  return plan;
}

/// And meanwhile gives those their metadata that are complete, so that the disk is waited for while others are written.
Status FileRestorer::write(const Plan& plan, const Cancel& cancel) {
  if (many_are_ready()) TRY(settle(cores(), cancel));
  all_written_ = false;
  TaskGroup group(cancel);
  group.spawn([this](const Cancel& inner) { return settle_meanwhile(inner); });
  group.spawn([&](const Cancel& inner) -> Status {
    TRY(write_blobs(plan, inner));
    std::lock_guard lock(mutex_);
    all_written_ = true;
    changed_.notify_all();
    return {};
  });
  return group.wait();
}

/// Before anything is written: they need nothing, or they are empty.
bool FileRestorer::many_are_ready() {
  std::lock_guard lock(mutex_);
  return many_wait();
}

Status FileRestorer::settle_meanwhile(const Cancel& cancel) {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, cancel.token(), [&] { return all_written_ || many_wait(); })) return cancel.check();
      if (all_written_) return {};
    }
    TRY(settle(1, cancel));
  }
}

Status FileRestorer::write_blobs(const Plan& plan, const Cancel& cancel) {
  const auto visit = [&](const Index::PackedBlob& blob, const Result<Bytes>& plain) -> Status {
    const auto i = static_cast<size_t>(&blob - plan.blobs.data());
    for (size_t u = plan.first_use[i]; u < plan.first_use[i + 1]; ++u) {
      TRY(cancel.check());
      auto& file = files_[plan.uses[u].file];
      if (!plain) {
        TRY(lose(file, plain.error()));
      } else if (auto done = write_blob(file, *plain, plan.uses[u].offset, cancel); !done) {
        file.unwritable = true;
        TRY(lose(file, done.error()));
      }
      if (--file.missing > 0) continue;
      if (auto done = finish(file); !done) TRY(lose(file, done.error()));
    }
    return {};
  };
  return read_blobs(repository_, plan.blobs, visit, cancel);
}

Status FileRestorer::write_blob(File& file, ByteView bytes, uint64_t offset, const Cancel& cancel) {
  if (file.unwritable) return {};  // one that only misses a blob gets the others
  TRY_ASSIGN(const auto fd, open(file, cancel));
  const bool sparse = options_.sparse && !file.in_place;
  TRY(sparse ? write_around_zeros(*fd, bytes, offset) : write_at(*fd, bytes, offset));
  if (file.missing > 1) keep_open(file);
  log_.bytes(path_of(file), bytes.size());
  return {};
}

/// The file, made or opened when it is first needed and whenever it was closed since.
Result<std::shared_ptr<const Fd>> FileRestorer::open(File& file, const Cancel& cancel) {
  std::lock_guard lock(file.mutex);
  if (file.fd) return file.fd;
  TRY_ASSIGN(const auto folder, target_.open(file.folder));
  TRY_ASSIGN(auto fd, file.opened_before || file.in_place ? reopen(file, *folder) : create(file, *folder, cancel));
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return fail(system_error("cannot look at it", errno));
  const std::pair identity(info.st_dev, info.st_ino);
  if (file.opened_before && file.identity != identity) return fail(replaced());
  file.identity = identity;
  file.opened_before = true;
  file.fd = std::make_shared<const Fd>(std::move(fd));
  return file.fd;
}

Result<Fd> FileRestorer::reopen(const File& file, const Fd& folder) const {
  auto fd = open_regular(folder, file.node.name, O_WRONLY);
  if (!fd && fd.error().kind() == ErrorKind::kDenied &&
      ::fchmodat(folder.get(), file.node.name.c_str(), 0600, AT_SYMLINK_NOFOLLOW) == 0) {
    fd = open_regular(folder, file.node.name, O_WRONLY);
  }
  if (!fd) return fd;
  if (!file.opened_before && ::ftruncate(fd->get(), static_cast<off_t>(file.size)) != 0) {
    return fail(system_error("cannot set its size", errno));
  }
  return fd;
}

Result<Fd> FileRestorer::create(const File& file, const Fd& folder, const Cancel& cancel) const {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int number = ::openat(folder.get(), file.node.name.c_str(), kFlags, 0600);
  if (number < 0 && errno == EEXIST) {
    TRY(remove_entry(folder, file.node.name, options_.remove_others, cancel));
    number = ::openat(folder.get(), file.node.name.c_str(), kFlags, 0600);
  }
  if (number < 0) return fail(system_error("cannot make the file", errno));
  Fd fd(number);
  const auto size = static_cast<off_t>(file.size);
  if (options_.sparse) {
    if (::ftruncate(number, size) != 0) return fail(system_error("cannot set its size", errno));
  } else if (file.lengths.size() > 1 && ::fallocate(number, 0, 0, size) != 0 && errno == ENOSPC) {
    return fail(system_error("cannot make room for it", errno));
  }
  return fd;
}

/// So that the next blob of it need not open it; the one that waited longest for its next makes room.
void FileRestorer::keep_open(File& file) {
  File* longest = nullptr;
  {
    std::lock_guard lock(mutex_);
    const auto at = std::find(open_.begin(), open_.end(), &file);
    if (at != open_.end()) {
      open_.splice(open_.begin(), open_, at);
    } else {
      open_.push_front(&file);
    }
    if (open_.size() <= kMaxOpen) return;
    longest = open_.back();
    open_.pop_back();
  }
  std::lock_guard lock(longest->mutex);
  longest->fd.reset();
}

/// All of its blobs are done.
Status FileRestorer::finish(File& file) {
  {
    std::lock_guard lock(file.mutex);
    file.fd.reset();
  }
  {
    std::lock_guard lock(mutex_);
    open_.remove(&file);
  }
  if (file.lost) return {};
  if (file.node.size != file.size) {
    return fail(ErrorKind::kCorrupt, fmt::format("the snapshot says that it has {} bytes, but its content has {}",
                                                 file.node.size, file.size));
  }
  await_disk(file);
  return {};
}

/// Its content is there.
void FileRestorer::await_disk(File& file) {
  std::lock_guard lock(mutex_);
  unsettled_.push_back(&file);
  if (!file.durable) unsettled_bytes_ += file.size;
  if (many_wait()) changed_.notify_one();
}

/// With the mutex held.
bool FileRestorer::many_wait() const {
  return unsettled_.size() >= kManyFiles || unsettled_bytes_ >= kManyBytes;
}

/// The content of all that wait reaches the disk; then they get their metadata.
Status FileRestorer::settle(unsigned threads, const Cancel& cancel) {
  std::vector<File*> files;
  {
    std::lock_guard lock(mutex_);
    files.swap(unsettled_);
    unsettled_bytes_ = 0;
  }
  if (!std::ranges::all_of(files, &File::durable)) TRY(target_.sync());
  return parallel_for(files.size(), threads, cancel, [&](size_t i, const Cancel&) { return complete(*files[i]); });
}

/// A file that has its content but not all of its metadata is no lost one.
Status FileRestorer::complete(const File& file) {
  const auto folder = target_.open(file.folder);
  const auto given = folder ? give_metadata(file, **folder) : Status(fail(folder.error()));
  if (!given) TRY(report(file, given.error()));
  if (file.unchanged) {
    log_.skipped(path_of(file), file.node.size);
    return {};
  }
  if (given) log_.done(file.in_place ? RestoreAction::kUpdated : RestoreAction::kRestored, path_of(file), file.size);
  std::lock_guard lock(mutex_);
  set_bit(written_, file.number);
  return {};
}

Status FileRestorer::give_metadata(const File& file, const Fd& folder) {
  const auto fd = open_regular(folder, file.node.name, O_RDONLY);  // faster than by name, where it can be had
  struct stat info;
  const int looked =
      fd ? ::fstat(fd->get(), &info) : ::fstatat(folder.get(), file.node.name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
  if (looked != 0 || file.identity != std::pair(info.st_dev, info.st_ino)) return fail(replaced());
  TRY_ASSIGN(const auto lacking, fd ? metadata_.restore_open(file.node, *fd) : metadata_.restore(file.node, folder));
  if (lacking.owner) log_.without_owner(path_of(file));
  if (lacking.attributes) log_.without_attributes(path_of(file));
  return {};
}

/// It does not have all of its content; said once for each file.
Status FileRestorer::lose(File& file, const Error& error) {
  if (ends_all(error)) return report(file, error);
  if (file.lost.exchange(true)) return {};
  {
    std::lock_guard lock(mutex_);
    set_bit(failed_, file.number);
  }
  return report(file, error);
}

/// Names it, and goes on unless the next would fare no better.
Status FileRestorer::report(const File& file, const Error& error) {
  if (is_stop(error)) return fail(error);
  if (ends_all(error)) {
    return fail(Error(error)
                    .within(path_of(file))
                    .hint("make room and restore again: --overwrite if-changed goes on where this ended"));
  }
  log_.problem(path_of(file), error);
  return {};
}

}  // namespace varve::files
