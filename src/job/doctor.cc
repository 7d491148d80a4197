#include "job/doctor.h"

#include <algorithm>

#include <fmt/format.h>

#include "job/layout.h"
#include "job/lock_journal.h"
#include "job/lock_release.h"
#include "job/oplog_window.h"
#include "mongo/catalog.h"
#include "mongo/cursor.h"
#include "mongo/fsync_lock.h"
#include "mongo/server.h"

namespace varve::job {

namespace {

using State = Checked::State;
using Seconds = std::chrono::seconds;

constexpr auto kSlowMajority = Seconds(10);
constexpr uint64_t kSample = 64u << 20;
constexpr int kOplogTimes = 3;  // the oplog should hold so many backups
constexpr auto kClockTolerance = Seconds(5);
constexpr uint64_t kLeastRate = 1u << 20;  // bytes a second, where the sample was too small to tell

std::string shown(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<Seconds>(duration).count();
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

class Examination {
 public:
  Examination(const DoctorOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

  Result<DoctorResult> run(const Cancel& cancel) {
    if (find_source(cancel) && connect(cancel)) {
      check_login(cancel);
      check_clock(cancel);
      const bool listed = check_catalog(cancel);
      if (replica_set()) {
        check_majority(cancel);
        if (listed) check_oplog(cancel);
        if (options_.lock) note(State::kBad, "lock", "is for a standalone server; the oplog of a set does more");
      } else if (!result_.source->product.empty()) {
        note(State::kWarning, "oplog",
             "none that MongoDB's tools know: nobody can tell whether it is written to during a backup, which says so");
      } else {
        check_lock(cancel);
        check_left_locks(cancel);
        if (!options_.lock) warn_of_no_oplog();
      }
    }
    TRY(cancel.check());
    return std::move(result_);
  }

 private:
  bool replica_set() const { return result_.source->kind == mongo::Kind::kReplicaSet; }

  void note(State state, std::string about, std::string sentence, std::vector<std::string> hints = {}) {
    result_.checks.push_back({std::move(about), state, std::move(sentence), std::move(hints)});
  }
  void bad(std::string about, const Error& error) {
    note(State::kBad, std::move(about), error.message(), error.hints());
  }

  bool find_source(const Cancel& cancel) {
    auto source = mongo::choose_source(options_.uri, options_.member, cancel);
    if (!source) return bad("server", source.error()), false;
    result_.source = std::move(*source);
    const auto& found = *result_.source;
    note(State::kGood, "server",
         found.product.empty() ? fmt::format("MongoDB {} (feature version {}), {}", found.version,
                                             found.fcv.empty() ? "unknown" : found.fcv,
                                             replica_set() ? "replica set " + found.set_name : "a standalone")
                               : found.product);
    note(State::kGood, "member", fmt::format("{} would be read: {}", found.member, found.reason));
    for (const auto& why : found.notes) note(State::kWarning, "member", why);
    for (const auto& why : found.lacks) note(State::kWarning, "member", why);
    return true;
  }

  bool connect(const Cancel& cancel) {
    auto connection = mongo::Connection::open(result_.source->uri, cancel);
    if (!connection) return bad("member", connection.error()), false;
    connection_.emplace(std::move(*connection));
    return true;
  }

  void check_login(const Cancel& cancel) {
    const auto missing = mongo::missing_for_backup(*connection_, options_.lock && !replica_set(), cancel);
    if (!missing) return bad("login", missing.error());
    const std::string backup = options_.lock && !replica_set() ? "a backup with --lock" : "a backup";
    if (missing->empty()) return note(State::kGood, "login", "may do all that " + backup + " needs");
    note(State::kBad, "login", "may not do all that " + backup + " needs", *missing);
  }

  void warn_of_no_oplog() {
    note(State::kWarning, "oplog",
         "a standalone has none: a backup is consistent only if nothing is written meanwhile, and says so",
         {"a replica set of one member has an oplog: start it with --replSet and run rs.initiate()",
          "`backup --lock` keeps it from being written to while it is read"});
  }

  /// Who holds a lock lets nobody write; a backup can be read meanwhile, and takes a lock of its own beside it.
  void check_lock(const Cancel& cancel) {
    const auto locked = mongo::is_fsync_locked(*connection_, cancel);
    if (!locked) return bad("lock", locked.error());
    if (!*locked) return note(State::kGood, "lock", "nobody has locked it (fsync)");
    note(State::kWarning, "lock", "somebody has locked it (fsync), so nobody can write to it",
         {"a backup with --lock takes one more and leaves that as it is"});
  }

  /// What a backup would undo before it begins.
  void check_left_locks(const Cancel& cancel) {
    std::vector<std::string> unreadable;
    const auto left = locks_left_behind(options_.journals, unreadable);
    if (!left) return bad("lock", left.error());
    for (const auto& path : unreadable) note(State::kWarning, "lock", path + " holds no record of a lock; remove it");
    if (left->empty()) return;
    const auto server = mongo::server_run(*connection_, cancel);
    for (const auto& [journal, record] : *left) {
      const bool here = server && record.server.same_as(*server);
      note(State::kWarning, "lock",
           fmt::format("a backup of {} that died (begun {}, process {} on {}) may have left {} locked",
                       record.server.host, format_utc(record.time), record.holder.pid, record.holder.hostname,
                       here ? "it" : "that server, or an earlier run of it,"),
           {here ? "the next backup of it undoes that lock" : unlock_by_hand(record.server.host)});
    }
  }

  void check_clock(const Cancel& cancel) {
    const auto before = clock_.now();
    const auto answer = mongo::is_master(*connection_, cancel);
    const auto after = clock_.now();
    const auto element = answer ? answer->view().find("localTime") : std::nullopt;
    const auto date = element ? element->as_date() : std::nullopt;
    if (!date) return note(State::kWarning, "clock", "the server did not tell its time");
    const Time there{std::chrono::milliseconds(*date)};
    const auto ahead = there - (before + (after - before) / 2);
    const auto off = ahead < ahead.zero() ? -ahead : ahead;
    if (off <= kClockTolerance) return note(State::kGood, "clock", "agrees with this machine's");
    note(State::kWarning, "clock",
         fmt::format("is {} {} this machine's, so times of snapshots and of the oplog do not compare", shown(off),
                     ahead > ahead.zero() ? "ahead of" : "behind"),
         {"set both by NTP"});
  }

  bool check_catalog(const Cancel& cancel) {
    auto catalog = mongo::list_catalog(*connection_, cancel);
    if (!catalog) return bad("collections", catalog.error()), false;
    size_t unfinished = 0;
    for (auto& info : catalog->collections) {
      if (!options_.filter.takes(bson::logical(info.ns)) || info.temporary) continue;
      unfinished += info.unfinished.size();
      result_.collections += info.ns == bson::logical(info.ns) && !is_of_the_server(info.ns);
      result_.documents += info.documents;
      result_.bytes += info.bytes;
      if (info.has_data() && (!largest_ || info.bytes > largest_->bytes)) largest_ = std::move(info);
    }
    note(State::kGood, "collections", fmt::format("{} would be backed up", result_.collections));
    if (unfinished > 0) {
      note(State::kWarning, "indexes",
           fmt::format("{} are being built: a backup has only those that were finished", unfinished));
    }
    return true;
  }

  void check_majority(const Cancel& cancel) {
    auto position = mongo::position(*connection_, cancel);
    if (!position) return bad("majority", position.error());
    const auto started = clock_.ticks();
    const auto reached = mongo::wait_for_majority(*connection_, position->applied, kMajorityPatience, cancel);
    if (!reached) return bad("majority", reached.error());
    majority_moves_ = true;
    const auto took = clock_.ticks() - started;
    if (took < kSlowMajority) {
      return note(State::kGood, "majority", "what is written reaches a majority, and this member knows it");
    }
    note(State::kWarning, "majority", fmt::format("what is written reaches a majority {} later only", shown(took)));
  }

  void check_oplog(const Cancel& cancel) {
    // Open transactions may want entries that are older than the majority point. Where that stands still, which is told
    // already, a window would be waited for in vain.
    if (majority_moves_) {
      if (const auto opened = open_tail(cancel); !opened) return bad("oplog", opened.error());
    }
    const auto extent = mongo::oplog_extent(*connection_, cancel);
    if (!extent) return bad("oplog", extent.error());
    result_.oplog_span = Seconds(extent->newest.seconds - extent->oldest.seconds);
    const auto rate = sample(cancel);
    if (!rate) return bad("reading", rate.error());
    result_.expected = std::chrono::milliseconds(result_.bytes * 1000 / std::max(*rate, kLeastRate));
    result_.checks.push_back(judge_oplog(*extent, result_.expected));
  }

  /// As a backup would.
  Status open_tail(const Cancel& cancel) {
    TRY_ASSIGN(const auto position, mongo::position(*connection_, cancel));
    TRY_ASSIGN(const auto start, mongo::oplog_start(*connection_, position.applied, cancel));
    TRY_ASSIGN(const auto tail, mongo::OplogTail::open(*connection_, start, cancel));
    return {};
  }

  /// Bytes a second at which the largest collection can be read.
  Result<uint64_t> sample(const Cancel& cancel) {
    if (!largest_) return kLeastRate;
    mongo::ReadSpec spec;
    spec.db = largest_->ns.db;
    spec.collection = largest_->ns.collection;
    if (largest_->by_uuid) spec.uuid = largest_->uuid;
    const auto started = clock_.ticks();
    uint64_t bytes = 0;
    const auto count = [&](ByteView document) -> Status {
      bytes += document.size();
      return {};
    };
    const auto read = [&]() -> Status {
      TRY_ASSIGN(auto cursor, mongo::Cursor::open(*connection_, spec, cancel));
      for (bool more = true; more && bytes < kSample;) {
        TRY_ASSIGN(more, cursor.next(count, cancel));
      }
      return {};
    }();
    if (!read && mongo::Cursor::vanished(read.error())) return kLeastRate;
    TRY(read);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock_.ticks() - started).count();
    return bytes * 1'000'000 / static_cast<uint64_t>(std::max<int64_t>(took, 1));
  }

  const DoctorOptions& options_;
  const Clock& clock_;
  std::optional<mongo::Connection> connection_;
  std::optional<mongo::CollectionInfo> largest_;
  bool majority_moves_ = false;  ///< what is written reaches a majority
  DoctorResult result_;
};

}  // namespace

Checked judge_oplog(const mongo::OplogExtent& extent, std::chrono::milliseconds expected) {
  auto goes_back = std::max(Seconds(extent.newest.seconds - extent.oldest.seconds), Seconds(1));
  std::string words = "goes back";
  if (!extent.full() && extent.used > 0) {  // it has not shown yet how far back it can go
    const double times = static_cast<double>(extent.limit) / static_cast<double>(extent.used);
    goes_back = Seconds(static_cast<int64_t>(static_cast<double>(goes_back.count()) * times));
    words = "is not full yet and, at the rate so far, will go back";
  }
  Checked checked{"oplog",
                  State::kGood,
                  fmt::format("{} {}; a backup would take about {}", words, shown(goes_back), shown(expected)),
                  {}};
  if (goes_back >= kOplogTimes * expected) return checked;
  checked.state = State::kWarning;
  checked.sentence += fmt::format(", and it should hold {} of them", kOplogTimes);
  checked.hints.emplace_back(
      "a larger oplog keeps more: db.adminCommand({replSetResizeOplog: 1, size: MEGABYTES}), on 4.4 and later also "
      "minRetentionHours");
  return checked;
}

Checked::State DoctorResult::worst() const {
  State worst = State::kGood;
  for (const auto& check : checks) worst = std::max(worst, check.state);
  return worst;
}

Result<DoctorResult> examine(const DoctorOptions& options, const Clock& clock, const Cancel& cancel) {
  return Examination(options, clock).run(cancel);
}

}  // namespace varve::job
