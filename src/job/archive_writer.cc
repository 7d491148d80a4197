#include "job/archive_writer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "codec/sha256.h"
#include "collection/chunker.h"
#include "job/document_file.h"
#include "job/layout.h"
#include "job/oplog_archive.h"
#include "job/store_bytes.h"
#include "repo/index.h"
#include "repo/snapshot_files.h"
#include "repo/walk_trees.h"

namespace varve::job {

namespace {

// Readers that have listed a snapshot may still ask for it.
constexpr size_t kLeastKept = 1, kMostKept = 200;
constexpr auto kKeptFor = std::chrono::minutes(2);
constexpr auto kBetweenAttempts = std::chrono::hours(1);
// Two that are at work meet each other at every second slice; one that ran once is met once.
constexpr unsigned kMeeting = 2, kMostMeetings = 3 * kMeeting;

std::string identity_tag(const std::string& run) {
  return std::string(kIdentityTagPrefix) + run;
}

}  // namespace

Result<ArchiveWriter> ArchiveWriter::open(repo::Repository& repository, Options options, const Cancel& cancel,
                                          const Clock& clock) {
  ArchiveWriter writer(repository, std::move(options), clock);
  TRY_ASSIGN(const auto lock, repo::Lock::acquire(repository, repo::LockMode::kShared, cancel, clock));
  TRY_ASSIGN(writer.known_, writer.look(lock->cancel()));
  TRY(lock->release());
  return writer;
}

bool ArchiveWriter::is_ours(const repo::Snapshot& snapshot) const {
  return snapshot.paths == std::vector{archive_path(options_.source)};
}

std::vector<std::string> ArchiveWriter::path_of(bson::Timestamp last) const {
  return slice_path(options_.source, options_.set_folder, last);
}

/// The archive as it is.
Result<ArchiveWriter::Known> ArchiveWriter::look(const Cancel& cancel) const {
  Known known;
  TRY_ASSIGN(auto all, repo::read_snapshot_files(*repository_, cancel));
  std::vector<repo::Snapshot> ours;
  for (auto& file : all) {
    known.files.push_back(file.id);
    if (file.snapshot && is_ours(*file.snapshot)) ours.push_back(std::move(*file.snapshot));
  }
  std::ranges::sort(known.files);
  if (ours.empty()) return known;
  known.newest = ours.back();  // they come oldest first
  for (const auto& before : made_from(*known.newest, ours)) {
    if (is_as_written(before)) known.replaced.push_back({before.id, before.time});
  }
  auto looked = repository_->load_index(cancel);
  if (looked) looked = look_along_path(known, cancel);
  repository_->index().forget();
  TRY(looked);
  return known;
}

/// Where the newest slice is, and the folders on the way to it, which a new one changes.
Status ArchiveWriter::look_along_path(Known& known, const Cancel& cancel) const {
  TRY_ASSIGN(const auto archive, OplogArchive::open(*repository_, *known.newest, cancel));
  if (archive.set_name() != options_.set_folder) {
    return fail(Error(ErrorKind::kInvalidInput,
                      fmt::format("the oplog archive of source '{}' is of the replica set {}, and this is {}",
                                  options_.source, archive.set_name(), options_.set_folder))
                    .hint("--source OTHER keeps them apart"));
  }
  TRY_ASSIGN(const auto slice, archive.last_slice(cancel));
  if (!slice) return fail(ErrorKind::kCorrupt, "the newest snapshot of the oplog archive holds no slice");
  TRY_ASSIGN(known.last, archive.info(*slice, cancel));
  if (known.last->span != slice->span) {
    return fail(ErrorKind::kCorrupt, "the newest slice of the oplog archive is not what its name says");
  }
  const auto path = path_of(known.last->span.last);
  known.folders.clear();
  Id tree = known.newest->tree;
  for (size_t i = 0;; ++i) {
    TRY_ASSIGN(auto nodes, repository_->load_tree(tree, cancel));
    const Id current = tree;
    if (i < path.size()) {
      const auto next = std::ranges::find(nodes, path[i], &repo::Node::name);
      if (next == nodes.end() || !next->subtree) {
        return fail(ErrorKind::kCorrupt, "the oplog archive lacks the folder " + path[i] + " of its newest slice");
      }
      tree = *next->subtree;
    }
    known.folders[current] = std::move(nodes);
    if (i == path.size()) return {};
  }
}

/// Whether the archive ends where we think: others may have stored slices, and the snapshot that ours builds on may be
/// gone, and what it needs with it. Then it is looked at again.
Status ArchiveWriter::look_at_others(const Cancel& cancel) {
  std::vector<Id> listed;
  const auto note = [&](const storage::FileInfo& file) -> Status {
    listed.push_back(file.id);
    return {};
  };
  TRY(repository_->storage().list(storage::FileType::kSnapshot, note, cancel));
  std::ranges::sort(listed);
  std::vector<Id> unknown;
  std::ranges::set_difference(listed, known_.files, std::back_inserter(unknown));
  bool changed = look_again_ || (known_.newest && !std::ranges::binary_search(listed, known_.newest->id));
  std::optional<std::string> other;
  for (const auto& id : unknown) {
    const auto json = repository_->load_file(storage::FileType::kSnapshot, id, cancel);
    const auto snapshot = json ? repo::decode_snapshot(*json, id) : fail(json.error());
    const bool vanished = !snapshot && snapshot.error().kind() == ErrorKind::kNotFound;
    if (!snapshot && !vanished && !repo::is_damage(snapshot.error())) return fail(snapshot.error());
    if (!snapshot || !is_ours(*snapshot) || !is_as_written(*snapshot)) continue;
    changed = true;
    if (snapshot->has_tag(identity_tag(options_.identity.run))) continue;  // stored, although we were told otherwise
    const auto its_run = std::ranges::find_if(snapshot->tags, [](const auto& tag) { return tag != kOplogTag; });
    if (its_run != snapshot->tags.end()) other = *its_run;
  }
  TRY(yield_to(other));
  if (!changed) {
    known_.files = std::move(listed);
    return {};
  }
  TRY_ASSIGN(auto known, look(cancel));
  const auto end_of = [](const Known& of) { return of.last ? of.last->span.last : bson::Timestamp{}; };
  const auto before = end_of(known_);
  known_ = std::move(known);
  look_again_ = false;
  if (end_of(known_) == before) return {};
  return fail(ErrorKind::kUnavailable,
              fmt::format("the archive of source '{}' ended at {} and ends at {} now, by somebody else's doing",
                          options_.source, before.text(), end_of(known_).text()));
}

/// kInconsistent where another archiver, whose tag that is, is met all the time and has the lower UUID.
Status ArchiveWriter::yield_to(const std::optional<std::string>& other) {
  met_another_ = other ? std::min(met_another_ + kMeeting, kMostMeetings) : met_another_ - std::min(met_another_, 1u);
  const bool ends = other && met_another_ == kMostMeetings && *other < identity_tag(options_.identity.run);
  if (!ends) return {};
  return fail(Error(ErrorKind::kInconsistent,
                    fmt::format("another archiver writes the oplog of source '{}' to this repository all the time; "
                                "this one ends",
                                options_.source))
                  .hint("one archiver is enough for a source; --source OTHER keeps two apart"));
}

Status ArchiveWriter::append(std::span<const ByteView> entries, const collection::SliceInfo& info,
                             const Cancel& cancel) {
  TRY_ASSIGN(const auto lock, repo::Lock::acquire(*repository_, repo::LockMode::kShared, cancel, *clock_));
  const Cancel inner = lock->cancel();
  TRY(look_at_others(inner));
  if (known_.last && info.gap.empty() && info.span.after != known_.last->span.last) {
    return fail(ErrorKind::kUnavailable, fmt::format("the archive ends at {}, and what was to follow begins at {}",
                                                     known_.last->span.last.text(), info.span.after.text()));
  }
  const Time now = next_time();
  TRY_ASSIGN(const Id root, store(entries, info, now, inner));
  TRY(save(root, now, inner));
  known_.folders = std::move(next_);
  known_.last = info;
  drop_older(inner);
  const auto released = lock->release();
  lock_left_ = released ? std::nullopt : std::optional(released.error());
  return {};
}

/// The archive's times follow each other, whatever the clocks of those who write it say.
Time ArchiveWriter::next_time() const {
  return std::max(clock_->now(), last_stored() + std::chrono::nanoseconds(1));
}

/// Everything but the snapshot, durable and indexed: the new root.
Result<Id> ArchiveWriter::store(std::span<const ByteView> entries, const collection::SliceInfo& info, Time now,
                                const Cancel& cancel) {
  repository_->index().forget();  // of what an attempt that failed has stored nothing may be left
  const auto polynomial = repository_->config().polynomial;
  repo::Writer writer(*repository_, options_.writer, cancel);
  DocumentFile file(writer, collection::cut_key(polynomial), collection::average_for(0));
  for (const auto& entry : entries) TRY(file.add(entry));
  TRY(file.finish());
  TRY_ASSIGN(auto description, store_bytes(polynomial, writer, as_bytes(collection::encode_slice(info))));
  TRY(writer.drain());
  const auto name = collection::slice_name(info.span);
  std::vector<repo::Node> files;
  files.push_back(file_node(name + ".bson", file.file(), now));
  files.push_back(file_node(name + ".json", std::move(description), now));
  next_.clear();
  TRY_ASSIGN(const Id root, put(known_.newest ? std::optional(known_.newest->tree) : std::nullopt,
                                path_of(info.span.last), {.files = std::move(files)}, now, writer, cancel));
  TRY(writer.finish());
  repository_->index().forget();
  return root;
}

/// The folder with the files put in, and all above it.
Result<Id> ArchiveWriter::put(const std::optional<Id>& tree, std::span<const std::string> path, Content content,
                              Time now, repo::Writer& writer, const Cancel& cancel) {
  std::vector<repo::Node> nodes;
  const bool anew = path.empty() && content.replaces;
  if (tree && !anew) {
    if (const auto known = known_.folders.find(*tree); known != known_.folders.end()) {
      nodes = known->second;
    } else {
      TRY_ASSIGN(nodes, repository_->load_tree(*tree, cancel));
    }
  }
  const auto replace = [&](repo::Node node) {
    const auto at = std::ranges::lower_bound(nodes, node.name, {}, &repo::Node::name);
    if (at != nodes.end() && at->name == node.name) {
      *at = std::move(node);
    } else {
      nodes.insert(at, std::move(node));
    }
  };
  if (path.empty()) {
    for (auto& file : content.files) replace(std::move(file));
  } else {
    const auto below = std::ranges::find(nodes, path.front(), &repo::Node::name);
    const auto subtree = below == nodes.end() ? std::nullopt : below->subtree;
    TRY_ASSIGN(const Id id, put(subtree, path.subspan(1), std::move(content), now, writer, cancel));
    replace(folder_node(path.front(), id, now));
  }
  TRY_ASSIGN(const auto json, repo::encode_tree(nodes));
  const Id id = codec::sha256(as_bytes(json));
  TRY(writer.save(repo::BlobType::kTree, to_bytes(as_bytes(json)), [](const Id&) {}));
  next_[id] = std::move(nodes);
  return id;
}

Status ArchiveWriter::save(const Id& root, Time now, const Cancel& cancel) {
  auto snapshot = new_archive_snapshot(options_.source, options_.identity.run, known_.newest, root, now);
  snapshot.program_version = options_.program_version;
  TRY_ASSIGN(snapshot.id, repository_->save_snapshot(snapshot, cancel));
  known_.files.insert(std::ranges::lower_bound(known_.files, snapshot.id), snapshot.id);
  if (known_.newest && is_as_written(*known_.newest))
    known_.replaced.push_back({known_.newest->id, known_.newest->time});
  known_.newest = std::move(snapshot);
  return {};
}

Status ArchiveWriter::join_hour(bson::Timestamp in, const Cancel& cancel) {
  TRY_ASSIGN(const auto lock, repo::Lock::acquire(*repository_, repo::LockMode::kShared, cancel, *clock_));
  const Cancel inner = lock->cancel();
  TRY(look_at_others(inner));
  TRY(refuse_many_index_files(inner));
  // Nobody prunes under the lock, so what the index says holds until it is released.
  repository_->index().forget();
  auto joined = repository_->load_index(inner);
  if (joined && known_.newest) joined = join(in, inner);
  next_.clear();
  repository_->index().forget();
  TRY(joined);
  drop_older(inner);
  return lock->release();
}

Status ArchiveWriter::refuse_many_index_files(const Cancel& cancel) const {
  uint64_t files = 0;
  const auto count = [&](const storage::FileInfo&) -> Status {
    ++files;
    return {};
  };
  TRY(repository_->storage().list(storage::FileType::kIndex, count, cancel));
  if (files <= kMostIndexFiles) return {};
  return fail(ErrorKind::kUnsupported,
              "the repository has too many index files; `varve prune`, run every day, keeps them few");
}

Status ArchiveWriter::join(bson::Timestamp in, const Cancel& cancel) {
  const auto path = path_of(in);
  TRY_ASSIGN(const auto folder,
             repo::find_node(*repository_, known_.newest->tree, fmt::format("{}", fmt::join(path, "/")), cancel));
  if (!folder.subtree) return {};
  TRY_ASSIGN(auto hour, repository_->load_tree(*folder.subtree, cancel));
  const Time now = next_time();
  repo::Writer writer(*repository_, options_.writer, cancel);
  TRY_ASSIGN(auto files, joined(std::move(hour), now, writer, cancel));
  if (files.empty()) return {};
  TRY_ASSIGN(const Id root,
             put(known_.newest->tree, path, {.files = std::move(files), .replaces = true}, now, writer, cancel));
  TRY(writer.finish());
  TRY(save(root, now, cancel));
  look_again_ = true;  // where what follows fails
  TRY(look_along_path(known_, cancel));
  look_again_ = false;
  return {};
}

/// A slice that is made of several.
struct ArchiveWriter::Joined {
  std::vector<StoredSlice> of;
  collection::SliceInfo info;
  std::unique_ptr<DocumentFile> file;
};

namespace {

/// What describes two slices, of which the second follows the first.
void add_to(collection::SliceInfo& info, collection::SliceInfo next) {
  info.span.last = next.span.last;
  info.last_term = next.last_term;
  info.member = std::move(next.member);
  info.server_version = std::move(next.server_version);
  info.fcv = std::move(next.fcv);
  info.rollback_id = next.rollback_id;
  info.wall = next.wall;
  info.oldest_open = next.oldest_open;
  for (const auto& [ns, counts] : next.operations) {
    auto& sum = info.operations[ns];
    sum.inserts += counts.inserts;
    sum.updates += counts.updates;
    sum.deletes += counts.deletes;
    sum.commands += counts.commands;
  }
}

}  // namespace

/// The files of an hour with slices that follow each other joined; none if there is nothing to join.
Result<std::vector<repo::Node>> ArchiveWriter::joined(std::vector<repo::Node> hour, Time now, repo::Writer& writer,
                                                      const Cancel& cancel) {
  TRY_ASSIGN(const auto archive, OplogArchive::open(*repository_, *known_.newest, cancel));
  std::vector<Joined> all;
  for (auto& slice : slices_in(hour)) {
    TRY_ASSIGN(auto info, archive.info(slice, cancel));
    const auto* before = all.empty() ? nullptr : &all.back().info;
    const bool joins = before != nullptr && info.gap.empty() && slice.span.after == before->span.last &&
                       info.after_term == before->last_term && info.set_id == before->set_id &&
                       before->bytes + slice.data.size <= kJoinedSlice;
    if (joins) {
      all.back().info.bytes += info.bytes;  // too much by what is repeated, until it is read
      add_to(all.back().info, std::move(info));
    } else {
      all.push_back({.of = {}, .info = std::move(info), .file = nullptr});
    }
    all.back().of.push_back(std::move(slice));
  }
  std::erase_if(all, [](const Joined& one) { return one.of.size() < 2; });
  if (all.empty()) return std::vector<repo::Node>();

  const auto polynomial = repository_->config().polynomial;
  for (auto& one : all) {
    one.file = std::make_unique<DocumentFile>(writer, collection::cut_key(polynomial), collection::average_for(0));
    one.info.entries = one.info.bytes = 0;
    for (const auto& slice : one.of) {
      bool repeated = &slice != &one.of.front();
      const auto add = [&](ByteView entry) -> Status {
        if (std::exchange(repeated, false)) return {};
        ++one.info.entries;
        one.info.bytes += entry.size();
        return one.file->add(entry);
      };
      TRY(archive.each_entry(slice, add, cancel));
    }
    TRY(one.file->finish());
  }
  TRY(writer.drain());
  for (auto& one : all) {
    const auto is_part = [&](const repo::Node& file) {
      return std::ranges::any_of(one.of, [&](const StoredSlice& slice) {
        return file.name == slice.data.name || file.name == slice.info.name;
      });
    };
    std::erase_if(hour, is_part);
    const auto name = collection::slice_name(one.info.span);
    TRY_ASSIGN(auto description, store_bytes(polynomial, writer, as_bytes(collection::encode_slice(one.info))));
    hour.push_back(file_node(name + ".bson", one.file->file(), now));
    hour.push_back(file_node(name + ".json", std::move(description), now));
  }
  TRY(writer.drain());
  return hour;
}

/// The newest holds all that those before it held. One that stays does no harm.
void ArchiveWriter::drop_older(const Cancel& cancel) {
  auto& replaced = known_.replaced;
  const Time now = known_.newest ? known_.newest->time : Time{};
  // The next look at the archive finds them again.
  if (replaced.size() > 2 * kMostKept) replaced.erase(replaced.begin(), replaced.end() - kMostKept);
  if (keeps_all_ && now < try_again_) return;
  const auto may_go = [&] {
    if (replaced.size() <= kLeastKept) return false;
    return replaced.front().time < now - kKeptFor || replaced.size() > kMostKept;
  };
  if (!may_go()) return;
  if (const auto held = repository_->confirm_locks(cancel); !held) return;
  while (may_go()) {
    const auto removed = repository_->storage().remove({storage::FileType::kSnapshot, replaced.front().id}, cancel);
    const bool gone = removed || removed.error().kind() == ErrorKind::kNotFound;
    keeps_all_ = !gone && removed.error().kind() == ErrorKind::kDenied;
    try_again_ = now + kBetweenAttempts;
    if (!gone) return;
    replaced.erase(replaced.begin());
  }
}

}  // namespace varve::job
