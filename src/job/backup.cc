#include "job/backup.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "collection/chunker.h"
#include "job/backup_plan.h"
#include "job/judge.h"
#include "job/layout.h"
#include "job/oplog_window.h"
#include "job/read_member.h"
#include "job/read_set.h"
#include "job/server_lock.h"
#include "job/snapshot_writer.h"
#include "mongo/counters.h"
#include "mongo/server.h"

namespace varve::job {

namespace {

constexpr int kListingAttempts = 5;
constexpr int kMostListingAttempts = 20;  // where a listing cannot be used at all
constexpr int kFirstWithSnapshotReads = 5;
constexpr uint64_t kBytesASecond = 100'000'000;  // that are surely read where nothing is slow

unsigned default_readers() {
  return std::clamp(std::thread::hardware_concurrency(), 2u, 4u);
}

/// One run, step by step; the steps are its methods in the order in which run() calls them.
class Backup {
 public:
  Backup(repo::Destinations& to, const BackupOptions& options, Reporter& reporter, const Clock& clock)
      : to_(to), options_(options), reporter_(reporter), clock_(clock), parents_(to.size()) {}

  Result<BackupResult> run(const Cancel& cancel) {
    result_.started = clock_.now();
    TRY(choose_server(cancel));
    TRY(open_window(cancel));
    repo::Writer writer(to_, options_.writer);
    TRY(read_everything(writer, cancel));
    TRY(writer.drain());
    judge({*source_, catalog_, *oplog_, options_.accept_inconsistent}, read_, result_);
    TRY(write_snapshot(writer, cancel));
    return std::move(result_);
  }

 private:
  bool replica_set() const { return source_->kind == mongo::Kind::kReplicaSet; }
  collection::Manifest& manifest() { return result_.manifest; }

  Status choose_server(const Cancel& cancel) {
    TRY_ASSIGN(options_.uri, options_.uri.resolved());
    TRY_ASSIGN(source_, mongo::choose_source(options_.uri, options_.member, cancel));
    if (options_.source.empty()) options_.source = set_folder(source_->set_name);
    TRY(find_parents());
    TRY(stay_with_member(cancel));
    tell_of_source();
    member_.emplace(*source_, options_.uri, options_.member, reporter_);
    TRY_ASSIGN(connection_, MemberConnection::open(*member_, cancel));
    TRY(check_lock());
    TRY(check_privileges(cancel));
    TRY(undo_left_locks(cancel));
    describe_source(cancel);
    return {};
  }

  /// The first one found says how collections are read; each repository's own, what its snapshot follows. Where one of
  /// them knows another set under the name, none may get this one.
  Status find_parents() {
    std::optional<Error> another;
    TRY(to_.each([&](size_t i) -> Status {
      auto parent = find_parent(to_[i], options_, *source_, to_.cancel(i));
      if (!parent && parent.error().kind() == ErrorKind::kInvalidInput) {
        if (!another) another = std::move(parent).error();
        return {};
      }
      if (!parent) return fail(std::move(parent).error());
      if (!*parent) return {};
      parents_[i] = (*parent)->snapshot;
      if (!parent_) parent_ = std::move(*parent);
      return {};
    }));
    return another ? Status(fail(*another)) : Status();
  }

  /// What was read in a member's natural order is found again in that of the same one only (RULES 27).
  Status stay_with_member(const Cancel& cancel) {
    if (!parent_ || parent_->manifest.member == source_->member || !replica_set()) return {};
    options_.member.before = parent_->manifest.member;
    auto again = mongo::choose_source(options_.uri, options_.member, cancel);
    if (again) source_ = std::move(*again);
    return again || !is_stop(again.error()) ? Status() : fail(std::move(again).error());
  }

  void tell_of_source() {
    reporter_.note(fmt::format("{}: reading from {} ({})", replica_set() ? source_->set_name : options_.source,
                               source_->member, source_->reason));
    for (const auto& note : source_->notes) {
      reporter_.note(note);  // now too: it may explain an error that follows
      result_.remarks.push_back(note);
    }
    for (const auto& lacking : source_->lacks) {
      manifest().skipped.push_back({source_->set_name, lacking, true});
      result_.shortfalls.push_back(lacking);
    }
  }

  Status check_privileges(const Cancel& cancel) {
    TRY_ASSIGN(const auto missing, mongo::missing_for_backup(**connection_, options_.lock, cancel));
    if (missing.empty()) return {};
    Error error(ErrorKind::kDenied,
                fmt::format("{}: the login may not do what a backup needs; nothing was saved", source_->member));
    for (const auto& role : missing) error.hint(role);
    return fail(std::move(error));
  }

  Status check_lock() const {
    if (!options_.lock || !replica_set()) return {};
    return fail(Error(ErrorKind::kInvalidInput, "--lock is for a standalone server, and " + source_->member +
                                                    " belongs to the replica set " + source_->set_name)
                    .hint("its oplog makes the backup consistent while others go on writing: leave --lock out"));
  }

  Status undo_left_locks(const Cancel& cancel) {
    if (replica_set()) return {};
    TRY_ASSIGN(auto troubles, job::undo_left_locks(options_.locking.journals, **connection_, reporter_, cancel));
    std::ranges::move(troubles, std::back_inserter(result_.shortfalls));
    return {};
  }

  void describe_source(const Cancel& cancel) {
    auto& m = manifest();
    m.varve_version = options_.program_version;
    m.backup_id = new_backup_id();
    m.source = options_.source;
    m.set_name = source_->set_name;
    m.set_id = source_->set_id;
    m.server_version = source_->version;
    m.fcv = source_->fcv;
    m.member = source_->member;
    m.member_role = source_->role;
    m.includes = options_.filter.includes();
    m.excludes = options_.filter.excludes();
    m.default_rw_concern = mongo::default_rw_concern(**connection_, cancel);
    m.cluster_parameters = mongo::cluster_parameters(**connection_, cancel);
  }

  Status lock(const Cancel& cancel) {
    auto taken = ServerLock::take(options_.locking, **connection_, reporter_, cancel, clock_);
    if (taken) lock_ = std::move(*taken);
    if (taken) return {};
    const bool refused = taken.error().code() != 0 || taken.error().kind() == ErrorKind::kUnsupported;
    if (source_->product.empty() || !refused) return fail(taken.error());
    return fail(Error(ErrorKind::kUnsupported, source_->product + " cannot be locked; nothing was saved")
                    .hint("its answer: " + taken.error().message())
                    .hint("leave --lock out, and see that nothing writes to it meanwhile"));
  }

  /// Lists the catalog. On a replica set in an interval of the oplog in which it did not change, if there is one.
  Status open_window(const Cancel& cancel) {
    if (!replica_set()) {
      if (options_.lock) {
        TRY(lock(cancel));
      }
      if (tells_writes()) {
        TRY_ASSIGN(counters_, mongo::write_counters(**connection_, cancel));
      }
      TRY_ASSIGN(catalog_, mongo::list_catalog(**connection_, cancel));
      return check_names();
    }
    bool quiet = false;
    // Over the window's own connection, so that it is the member whose oplog is followed that lists.
    const auto list = [&](mongo::Connection&) -> Status {
      TRY_ASSIGN(window_, OplogWindow::open(*member_, cancel));
      TRY_ASSIGN(catalog_, mongo::list_catalog(window_->connection(), cancel));
      TRY_ASSIGN(quiet, window_->catalog_was_quiet(catalog_.operation_time, cancel));
      return {};
    };
    const auto again = [&](int attempt) {
      return !quiet && (attempt < kListingAttempts || (named_twice() && attempt < kMostListingAttempts));
    };
    for (int attempt = 0; again(attempt); ++attempt) {
      TRY(connection_->run(list, cancel));
    }
    TRY(check_names());
    if (!quiet) manifest().needs_varve.push_back("collections or indexes were changed while they were listed");
    manifest().oplog_start = window_->start();
    manifest().t0 = window_->majority();
    return {};
  }

  /// One of two collections of one name, where a listing met both: an old one and what was renamed in its place.
  const mongo::CollectionInfo* named_twice() const {
    const auto twice = std::ranges::adjacent_find(catalog_.collections, {}, &mongo::CollectionInfo::ns);
    return twice == catalog_.collections.end() ? nullptr : &*twice;
  }

  /// A backup holds one file for each name.
  Status check_names() const {
    const auto* twice = named_twice();
    if (twice == nullptr) return {};
    return fail(Error(ErrorKind::kInconsistent, "while the collections were listed two of them had the name " +
                                                    twice->ns.text() + ", one after the other; nothing was saved")
                    .hint("run the backup again"));
  }

  Status read_everything(repo::Writer& writer, const Cancel& cancel) {
    auto plan = plan_collections(catalog_, options_, parent_);
    const auto cut_key = collection::cut_key(to_.polynomial());
    ReadOptions read;
    read.majority = replica_set();
    if (window_) read.since = window_->majority();
    read.readers = options_.readers ? options_.readers : default_readers();
    read.cut_key = cut_key;
    if (options_.limit_read > 0) read.limit = &limit_.emplace(options_.limit_read, clock_);

    oplog_ = std::make_unique<KeptOplog>(filter_for(plan), [&writer, cut_key] {
      return std::make_unique<DocumentFile>(writer, cut_key, collection::average_for(0));
    });
    CollectionReaders readers(std::move(plan), std::move(read), *member_, writer, reporter_);
    if (replica_set()) {
      TRY(read_replica_set(readers, cancel));
    } else {
      TRY(readers.read([](const auto&) { return true; }, std::nullopt, cancel));
      TRY(oplog_->finish(false));
      TRY(end_standalone(cancel));
    }
    read_ = std::move(readers.collections());
    return {};
  }

  OplogFilter filter_for(const std::vector<PlannedCollection>& plan) const {
    OplogFilter filter(options_.filter);
    for (const auto& planned : plan) filter.know(planned.info.uuid, planned.info.ns, true);
    for (const auto& info : catalog_.collections) {
      if (!options_.filter.takes(bson::logical(info.ns)) && !info.temporary) filter.know(info.uuid, info.ns, false);
    }
    return filter;
  }

  Status read_replica_set(CollectionReaders& readers, const Cancel& cancel) {
    window_->start(*oplog_);
    member_->prove_by([this](mongo::Connection& other, const Cancel& stop) { return window_->prove(other, stop); });
    const SetToRead set{*connection_, catalog_.operation_time, at_one_time(readers.bytes_total(), cancel)};
    TRY_ASSIGN(const auto reading, read_set(set, *window_, readers, cancel));
    manifest().t1 = reading.moment;
    manifest().read_at = reading.read_at;
    manifest().consistency = set.at_one_time && !reading.fell_back ? "one-time" : "window";
    std::ranges::move(fall_back_remarks(readers.collections()), std::back_inserter(result_.remarks));
    manifest().member_changes = member_->replacements();
    std::ranges::copy(manifest().member_changes, std::back_inserter(result_.remarks));
    return {};
  }

  /// Whether all is to be read at one time. What does not fit into the server's history is not even tried, unless it
  /// was asked for.
  bool at_one_time(uint64_t bytes, const Cancel& cancel) {
    if (options_.read_at == ReadAt::kWindow) return false;
    const bool can = !source_->version_array.empty() && source_->version_array.front() >= kFirstWithSnapshotReads;
    if (can && options_.read_at == ReadAt::kOneTime) return true;
    if (can) return bytes <= static_cast<uint64_t>(mongo::history_window(**connection_, cancel).count()) * rate();
    if (options_.read_at == ReadAt::kOneTime) {
      result_.remarks.push_back("MongoDB " + source_->version +
                                " cannot be read at one time, which takes 5.0: it was read over a window");
    }
    return false;
  }

  /// That is expected of reading, in bytes a second.
  uint64_t rate() const {
    return options_.limit_read > 0 ? std::min<uint64_t>(options_.limit_read, kBytesASecond) : kBytesASecond;
  }

  /// Another server that speaks as MongoDB does counts otherwise, or is one of several before the same data.
  bool tells_writes() const { return source_->product.empty(); }

  /// Whether it was written to. While it is locked what was attempted has to wait, and came to nothing.
  Status end_standalone(const Cancel& cancel) {
    manifest().consistency = "inconsistent";
    if (!tells_writes()) {
      unlock();
      return {};
    }
    TRY_ASSIGN(const auto now, mongo::write_counters(**connection_, cancel));
    TRY_ASSIGN(const auto catalog, mongo::list_catalog(**connection_, cancel));
    const bool held = unlock();
    const bool same = same_bytes(now.writes, counters_.writes) && mongo::same_catalog(catalog, catalog_) &&
                      (held || same_bytes(now.attempts, counters_.attempts));
    manifest().consistency = !same ? "inconsistent" : held ? "locked" : "quiet";
    return {};
  }

  static bool same_bytes(const bson::Document& one, const bson::Document& other) {
    return std::ranges::equal(one.bytes(), other.bytes());
  }

  /// As soon as all was read. What was read is good even where that fails. True if nobody could write until now; after
  /// an error nobody knows.
  bool unlock() {
    if (!lock_) return false;
    auto released = lock_->release();
    lock_.reset();
    if (released) {
      std::ranges::move(released->sentences, std::back_inserter(result_.remarks));
      reporter_.note(source_->member + ": unlocked");
      return released->held;
    }
    result_.shortfalls.push_back(released.error().message());
    for (const auto& hint : released.error().hints()) result_.shortfalls.back() += "; " + hint;
    return false;
  }

  Status write_snapshot(repo::Writer& writer, const Cancel& cancel) {
    SnapshotWriter snapshot(to_, writer, options_.source, set_folder(source_->set_name), parents_, clock_.now());
    for (const auto& read : read_) {
      const auto& info = read.plan.info;
      TRY(snapshot.add({info.ns, info.type, to_hex(info.uuid), info.options, info.indexes, read.file.get()}));
    }
    snapshot.add_oplog(oplog_->file());
    TRY_ASSIGN(auto saved, snapshot.save(manifest(), options_.tags, result_.started, clock_, cancel));
    note_saved(std::move(saved.snapshots), result_);
    result_.ended = saved.ended;
    return {};
  }

  repo::Destinations& to_;
  BackupOptions options_;
  Reporter& reporter_;
  const Clock& clock_;

  std::optional<mongo::Source> source_;
  std::optional<ReadMember> member_;
  std::optional<MemberConnection> connection_;
  std::optional<Parent> parent_;
  std::vector<std::optional<repo::Snapshot>> parents_;  // of each destination
  std::unique_ptr<OplogWindow> window_;                 // replica sets only
  mongo::WriteCounters counters_;                       // standalones only
  std::unique_ptr<ServerLock> lock_;                    // standalones only
  std::optional<ReadLimit> limit_;
  mongo::Catalog catalog_;
  std::unique_ptr<KeptOplog> oplog_;
  std::vector<ReadCollection> read_;
  BackupResult result_;
};

}  // namespace

Result<BackupResult> backup(repo::Destinations& to, const BackupOptions& options, Reporter& reporter,
                            const Clock& clock) {
  return Backup(to, options, reporter, clock).run(to.outer());
}

void note_saved(std::vector<repo::SavedSnapshot> repositories, BackupResult& result) {
  const auto& first = repo::first_saved(repositories);
  if (first.snapshot) result.snapshot = *first.snapshot;
  result.parent = first.parent;
  result.stored = first.stored;
  result.repositories = std::move(repositories);
}

}  // namespace varve::job
