#include "job/archive.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "job/archive_writer.h"
#include "job/backup_plan.h"
#include "job/layout.h"
#include "job/open_transactions.h"
#include "job/oplog_archive.h"
#include "job/pending_entries.h"
#include "job/snapshot_writer.h"
#include "mongo/oplog.h"
#include "mongo/server.h"
#include "repo/host.h"
#include "repo/index.h"

namespace varve::job {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Of entries in memory: then a slice is stored early, and while that is impossible the server keeps the rest.
constexpr size_t kLargestSlice = 16u << 20;
constexpr size_t kMostPending = 48u << 20;
constexpr seconds kBetweenIdleSlices(60);  // where only the server's own heartbeat came
constexpr seconds kBetweenSlicesKept(60);  // where every snapshot stays
constexpr milliseconds kFirstPause(500), kLongestPause(30'000);
constexpr seconds kOthersPatience(20);
constexpr std::chrono::minutes kMayBeIdleFor(10);  // one on this machine, whose number may be another program's by now
constexpr seconds kMajorityMayStand(60);
constexpr milliseconds kLongestPoll(1000);
constexpr std::chrono::minutes kAwayFor(5);         // members that cannot be asked are waited for before there is a gap
constexpr std::chrono::minutes kSubstituteFor(10);  // another member is read, then the one that is meant is tried again
constexpr std::chrono::minutes kBetweenJoins(5);    // attempts, where one failed

std::string hour_of(const collection::SliceInfo& slice) {
  return collection::slice_folder(slice.span.last);
}

bool is_noop(ByteView entry) {
  return bson::View(entry).string("op").value_or("") == "n";
}

/// Waiting may help, if only for long. What has gone well once is likelier to be out of order than wrong.
bool may_pass(const Error& error, bool went_well) {
  switch (error.kind()) {
    case ErrorKind::kUnavailable:
    case ErrorKind::kNoSpace:
    case ErrorKind::kLocked:
      return true;
    case ErrorKind::kDenied:
    case ErrorKind::kNotFound:
    case ErrorKind::kInternal:
      return went_well;
    default:
      return false;
  }
}

class Archiver {
 public:
  Archiver(repo::Repository& repository, const ArchiveOptions& options, Reporter& reporter, const Clock& clock)
      : repository_(repository), options_(options), reporter_(reporter), clock_(clock) {
    const auto host = repo::this_host();
    identity_ = {new_backup_id(), host.hostname, host.pid};
    started_ = clock.ticks();
  }

  Result<ArchiveResult> run(const Cancel& cancel) {
    TRY_ASSIGN(options_.uri, options_.uri.resolved());
    for (auto pause = kFirstPause;;) {
      const auto slices = result_.slices;
      const auto status = follow(cancel);
      if (status && !goes_back_) return std::move(result_);
      TRY(cancel.check());
      if (status) continue;
      if (!goes_on_after(status.error())) return fail(status.error());
      if (result_.slices > slices) pause = kFirstPause;
      tell_of_trouble(status.error());
      if (!clock_.sleep(pause, cancel)) TRY(cancel.check());
      pause = std::min(pause * 2, kLongestPause);
    }
  }

 private:
  bool goes_on_after(const Error& error) const {
    if (refused_) return false;
    if (!options_.once) return may_pass(error, result_.slices > 0);
    const auto tried_for = clock_.ticks() - started_;
    return (error.kind() == ErrorKind::kLocked && tried_for < options_.lock_patience) || awaits_members_;
  }

  /// Over one connection, until that is lost, or it is time to go back to the member that is meant.
  Status follow(const Cancel& cancel) {
    goes_back_ = awaits_members_ = false;
    TRY(connect(cancel));
    TRY(open_archive(cancel));
    TRY(open_tail(cancel));
    TRY_ASSIGN(const auto at, mongo::position(*connection_, cancel));
    const auto target = at.majority;
    for (stands_since_ = next_slice_ = clock_.ticks();;) {
      TRY(cancel.check());
      TRY(take_more(cancel));
      const bool reached = !pending_.empty() && pending_.position(pending_.size() - 1).ts >= target;
      const bool due = clock_.ticks() >= next_slice_ || pending_.bytes() >= kLargestSlice;
      if (options_.once ? reached || pending_.bytes() >= kLargestSlice : due) TRY(store(cancel));
      if (options_.once && writer_->last() && writer_->last()->span.last >= target) return {};
      goes_back_ = substitute_since_ && clock_.ticks() - *substitute_since_ > kSubstituteFor;
      if (goes_back_) return {};
    }
  }

  Status connect(const Cancel& cancel) {
    tail_.reset();
    gap_.clear();
    substitute_since_.reset();
    TRY(connect_to(options_.member, cancel));
    if (source_->kind != mongo::Kind::kReplicaSet) {
      return fail(Error(ErrorKind::kInvalidInput, source_->member + " is a standalone server and has no oplog")
                      .hint("a replica set of one member has one: --replSet NAME, then rs.initiate()"));
    }
    TRY_ASSIGN(const auto missing, mongo::missing_for_backup(*connection_, false, cancel));
    if (!missing.empty()) {
      Error error(ErrorKind::kDenied, source_->member + ": the login may not do what archiving needs");
      for (const auto& role : missing) error.hint(role);
      return fail(std::move(error));
    }
    return {};
  }

  Status connect_to(const mongo::MemberOptions& which, const Cancel& cancel) {
    TRY_ASSIGN(auto source, mongo::choose_source(options_.uri, which, cancel));
    TRY_ASSIGN(auto connection, mongo::Connection::open(source.uri, cancel));
    options_.uri = options_.uri.with_more_seeds(source.reached);
    source_ = std::move(source);
    connection_.emplace(std::move(connection));
    rollback_id_ = mongo::rollback_id(*connection_, cancel);
    return {};
  }

  /// Once; then it is known where the archive ends.
  Status open_archive(const Cancel& cancel) {
    if (options_.source.empty()) options_.source = source_->set_name;
    result_.source = options_.source;
    result_.set_name = source_->set_name;
    if (!writer_) {
      TRY_ASSIGN(auto writer, ArchiveWriter::open(repository_,
                                                  {.source = options_.source,
                                                   .set_folder = set_folder(source_->set_name),
                                                   .identity = identity_,
                                                   .program_version = options_.program_version,
                                                   .writer = options_.writer},
                                                  cancel, clock_));
      if (writer.last()) TRY(refuse_second(*writer.last(), writer.last_stored(), cancel));
      writer_.emplace(std::move(writer));
    }
    return check_set();
  }

  bool is_another_set(const std::string& id) const {
    return !id.empty() && !source_->set_id.empty() && id != source_->set_id;
  }

  Status check_set() {
    const auto& last = writer_->last();
    if (!last || !is_another_set(last->set_id)) return {};
    if (options_.new_incarnation) {
      gap_ = fmt::format("the replica set {} was made anew", source_->set_name);
      return {};
    }
    return fail(
        Error(ErrorKind::kInvalidInput,
              fmt::format("the oplog archive of source '{}' is of a replica set {} with another id; nothing was "
                          "stored",
                          options_.source, last->set_name))
            .hint("--source OTHER keeps them apart")
            .hint("--new-incarnation goes on under this name, if the set was made anew on purpose"));
  }

  /// Whoever wrote the last slice may still be at it.
  Status refuse_second(const collection::SliceInfo& last, Time stored, const Cancel& cancel) {
    const auto second = [&](const std::string& how) {
      refused_ = true;
      return fail(Error(ErrorKind::kLocked, fmt::format("source '{}' is archived already, by process {} on {}{}",
                                                        options_.source, last.process, last.host, how))
                      .hint("one archiver is enough for a source"));
    };
    if (last.host == identity_.host) {
      const bool runs = last.process != identity_.process && !repo::process_is_dead(last.process);
      return runs && clock_.now() - stored < kMayBeIdleFor ? Status(second("")) : Status();
    }
    if (options_.once || clock_.now() - stored > kOthersPatience) return {};
    reporter_.note(fmt::format("the last slice was stored by process {} on {}; waiting whether it goes on",
                               last.process, last.host));
    if (!clock_.sleep(kOthersPatience, cancel)) TRY(cancel.check());
    TRY_ASSIGN(const auto newest, newest_archive(repository_, options_.source, cancel));
    return newest && newest->time > stored ? Status(second(", which goes on")) : Status();
  }

  /// At the newest entry that is stored; where no member has that any more, with a gap.
  Status open_tail(const Cancel& cancel) {
    pending_.clear();
    auto opened = find_place(cancel);
    if (opened) tail_->be_patient(std::min<milliseconds>(options_.every, kLongestPoll));
    // The oldest entries go while they are asked for, and members come and go: it is tried again.
    const bool lost = !opened && opened.error().kind() == ErrorKind::kInconsistent;
    return lost ? fail(ErrorKind::kUnavailable, opened.error().message()) : opened;
  }

  Status find_place(const Cancel& cancel) {
    const auto& last = writer_->last();
    if (!last) return open_first_tail(cancel);
    const mongo::OplogPosition stored{last->span.last, last->last_term};
    if (gap_.empty()) {
      auto held = holds(stored, cancel);
      if (held) {
        lost_since_.reset();
        return open_tail_at(stored.ts, cancel);
      }
      if (held.error().kind() != ErrorKind::kInconsistent) return held;
      TRY_ASSIGN(const bool another, find_member_with(stored, cancel));
      if (another) return open_tail_at(stored.ts, cancel);
      gap_ = fmt::format("{}, and no other member that can be reached has it", held.error().message());
    }
    lost_since_.reset();
    TRY_ASSIGN(const auto first, mongo::first_entry_after(*connection_, stored.ts, cancel));
    if (!first) {
      return fail(ErrorKind::kUnavailable, source_->member + " has no entry after " + stored.ts.text() + " yet");
    }
    return open_tail_at(*first, cancel);
  }

  /// kInconsistent if the member has lost it; kUnavailable if it has not come that far.
  Status holds(const mongo::OplogPosition& stored, const Cancel& cancel) {
    TRY_ASSIGN(const auto at, mongo::position(*connection_, cancel));
    if (at.majority < stored.ts) {
      return fail(ErrorKind::kUnavailable, fmt::format("{} has come to {}, and the archive to {}", source_->member,
                                                       at.majority.text(), stored.ts.text()));
    }
    return mongo::check_held(*connection_, stored, cancel);
  }

  /// Members keep their oplogs for different times: true if another one still has the entry, to which it is connected
  /// then. kUnavailable for a while if one cannot be asked, or has not come so far.
  Result<bool> find_member_with(const mongo::OplogPosition& stored, const Cancel& cancel) {
    const auto first = source_->member;
    const auto members = source_->members;
    std::string away;
    for (const auto& member : members) {
      if (member.host == first || member.state == "arbiter") continue;
      if (member.state != "primary" && member.state != "secondary") {
        away = fmt::format("{} is {}", member.host, member.state);
        continue;
      }
      auto which = options_.member;
      which.member = member.host;
      auto status = connect_to(which, cancel);
      if (status) status = holds(stored, cancel);
      if (status) {
        reporter_.note(
            fmt::format("{} has lost what comes next, and {} has it: going on from there", first, member.host));
        substitute_since_ = clock_.ticks();
        lost_since_.reset();
        return true;
      }
      if (is_stop(status.error())) return fail(status.error());
      if (status.error().kind() != ErrorKind::kInconsistent) away = status.error().message();
    }
    auto which = options_.member;
    which.member = first;
    TRY(connect_to(which, cancel));
    if (away.empty()) return false;
    if (!lost_since_) lost_since_ = clock_.ticks();
    awaits_members_ = clock_.ticks() - *lost_since_ < kAwayFor;
    if (!awaits_members_) return false;
    return fail(ErrorKind::kUnavailable,
                fmt::format("{} has lost what comes next, and who may have it cannot be asked: {}", first, away));
  }

  Status open_tail_at(bson::Timestamp from, const Cancel& cancel) {
    TRY_ASSIGN(auto tail, mongo::OplogTail::open(*connection_, from, cancel));
    tail_.emplace(std::move(tail));
    return {};
  }

  /// Where the newest backup ends, if the server still has that; else where the oldest open transaction began.
  Status open_first_tail(const Cancel& cancel) {
    TRY_ASSIGN(const auto backup, newest_moment(cancel));
    if (backup) {
      auto opened = open_tail_at(*backup, cancel);
      if (opened || opened.error().kind() != ErrorKind::kInconsistent) return opened;
    }
    TRY_ASSIGN(const auto at, mongo::position(*connection_, cancel));
    TRY_ASSIGN(const auto start, mongo::oplog_start(*connection_, at.majority, cancel));
    TRY(open_tail_at(start, cancel));
    if (backup) {
      tell_of_shortfall(fmt::format(
          "the archive begins at {}, after a gap: the newest backup is of {}, which the server's oplog does not reach "
          "any more; moments can be had from the next backup on",
          start.text(), backup->text()));
    } else {
      reporter_.note("there is no backup of this source yet: moments can be had from the next one on");
    }
    return {};
  }

  Result<std::optional<bson::Timestamp>> newest_moment(const Cancel& cancel) {
    TRY_ASSIGN(const auto lock, repo::Lock::acquire(repository_, repo::LockMode::kShared, cancel));
    BackupOptions options;
    options.source = options_.source;
    options.new_incarnation = true;  // another set's backups are none of this one
    const auto parent = find_parent(repository_, options, *source_, lock->cancel());
    repository_.index().forget();
    TRY(parent);
    TRY(lock->release());
    if (!*parent || (*parent)->manifest.t1 == bson::Timestamp{}) return std::nullopt;
    return (*parent)->manifest.t1;
  }

  Status take_more(const Cancel& cancel) {
    if (pending_.bytes() >= kMostPending) return clock_.sleep(kFirstPause, cancel) ? Status() : cancel.check();
    const auto take = [this](ByteView entry) -> Status {
      pending_.add(entry);
      return {};
    };
    auto taken = tail_->poll(take, cancel);
    // What was not majority-committed may have been rolled back: the next connection begins at what is stored.
    const bool lost_its_place = !taken && taken.error().kind() == ErrorKind::kInconsistent;
    if (lost_its_place) return fail(ErrorKind::kUnavailable, taken.error().message());
    return taken;
  }

  /// What is majority-committed becomes a slice.
  Status store(const Cancel& cancel) {
    TRY_ASSIGN(const auto at, mongo::position(*connection_, cancel));
    const size_t count = pending_.count_until(at.majority);
    const bool first = !writer_->last() || !gap_.empty();
    next_slice_ =
        clock_.ticks() + (writer_->keeps_all() ? std::max(options_.every, kBetweenSlicesKept) : options_.every);
    watch_majority(at, count);
    if (count == 0 || (count == 1 && !first) || (!options_.once && may_wait(count))) return {};
    TRY(check_not_rolled_back(pending_.position(count - 1), cancel));
    TRY_ASSIGN(const auto info, describe(count, cancel));
    std::vector<ByteView> entries;
    for (size_t i = 0; i < count; ++i) entries.push_back(pending_.entry(i));
    const auto before = writer_->last();
    TRY(writer_->append(entries, info, cancel));
    if (before && hour_of(*before) != hour_of(info)) hours_over_.push_back(before->span.last);
    open_ = std::move(open_then_);
    own_end_ = info.span.last;
    if (before && !info.gap.empty()) tell_of_gap(before->span.last, info.gap);
    tell_of_recovery();
    count_slice(info, first);
    pending_.drop_before(count);
    gap_.clear();
    last_slice_ = clock_.ticks();
    tell_of_lock();
    return join_hours(cancel);
  }

  void tell_of_lock() {
    const auto& left = writer_->lock_left();
    if (left && !lock_told_) {
      tell_of_shortfall(left->message() + (left->hints().empty() ? "" : "; " + left->hints().front()));
    }
    lock_told_ = left.has_value();
  }

  /// The slices of hours that are over; where nobody may remove anything it would only add. That it cannot be done
  /// keeps nobody from archiving.
  Status join_hours(const Cancel& cancel) {
    if (writer_->keeps_all()) hours_over_.clear();
    if (clock_.ticks() < next_join_) return {};
    while (!hours_over_.empty()) {
      const auto end = writer_->last()->span.last;
      auto joined = writer_->join_hour(hours_over_.front(), cancel);
      if (!joined) {
        TRY(cancel.check());
        next_join_ = clock_.ticks() + kBetweenJoins;
        const bool moved = !writer_->last() || writer_->last()->span.last != end;
        if (moved || joined.error().kind() == ErrorKind::kInconsistent) return joined;  // another archiver
        if (may_pass(joined.error(), false)) return {};
        tell_of_shortfall("the slices of an hour that is over cannot be joined: " + joined.error().message());
      }
      hours_over_.pop_front();
    }
    return {};
  }

  /// That a time is majority-committed says nothing of an entry that was read at it before: the member may have rolled
  /// that back meanwhile. Where it holds this one, it holds all before it as they were read.
  Status check_not_rolled_back(const mongo::OplogPosition& last, const Cancel& cancel) {
    auto held = mongo::check_held(*connection_, last, cancel);
    const bool lost = !held && held.error().kind() == ErrorKind::kInconsistent;
    return lost ? fail(ErrorKind::kUnavailable, held.error().message()) : held;
  }

  /// RULES 8: said where nothing becomes majority-committed although there are writes.
  void watch_majority(const mongo::Position& at, size_t count) {
    if (count > 1 || pending_.size() <= count) {
      stands_since_ = clock_.ticks();
    } else if (clock_.ticks() - stands_since_ > kMajorityMayStand) {
      tell_of_trouble(Error(ErrorKind::kUnavailable,
                            fmt::format("{}: the majority-committed point stands at {}, although there are writes",
                                        source_->member, at.majority.text())));
    }
  }

  /// Only the server's own heartbeat came.
  bool may_wait(size_t count) const {
    for (size_t i = writer_->last() ? 1 : 0; i < count; ++i) {
      if (!is_noop(pending_.entry(i))) return false;
    }
    return last_slice_ && clock_.ticks() - *last_slice_ < kBetweenIdleSlices;
  }

  Result<collection::SliceInfo> describe(size_t count, const Cancel& cancel) {
    collection::SliceInfo info;
    const auto& first = pending_.position(0);
    const auto& last = pending_.position(count - 1);
    info.span = {first.ts, last.ts};
    info.after_term = first.term;
    info.last_term = last.term;
    info.set_name = source_->set_name;
    info.set_id = source_->set_id;
    info.member = source_->member;
    info.server_version = source_->version;
    info.fcv = mongo::feature_version(*connection_, cancel);
    info.rollback_id = rollback_id_;
    info.entries = count;
    info.gap = gap_;
    info.run = identity_.run;
    info.host = identity_.host;
    info.process = identity_.process;
    const auto wall = bson::View(pending_.entry(count - 1)).find("wall");
    const auto milliseconds_since = wall ? wall->as_date() : std::nullopt;
    info.wall = milliseconds_since ? Time(milliseconds(*milliseconds_since)) : Time(seconds(last.ts.seconds));
    const auto& before = writer_->last();
    if (before && before->span.last != own_end_) {  // others stored it, or an earlier run
      open_ = OpenTransactions(before->oldest_open);
      own_end_ = before->span.last;
    }
    open_then_ = gap_.empty() ? open_ : OpenTransactions();
    for (size_t i = 0; i < count; ++i) {
      info.bytes += pending_.entry(i).size();
      if (i == 0 && writer_->last() && gap_.empty()) continue;  // counted in the slice before
      open_then_.take(bson::View(pending_.entry(i)));
      collection::count_operations(bson::View(pending_.entry(i)), info.operations);
    }
    TRY_ASSIGN(auto open, mongo::oplog_start(*connection_, last.ts, cancel));
    if (open_then_.awaits_word()) {
      TRY_ASSIGN(const auto at, mongo::position(*connection_, cancel));
      open_then_.hear(open, at.applied);
    }
    open_then_.reach(last.ts);
    open = std::min(open, open_then_.oldest().value_or(open));
    if (open < last.ts) info.oldest_open = open;
    return info;
  }

  void count_slice(const collection::SliceInfo& info, bool first) {
    ++result_.slices;
    result_.entries += info.entries - (first ? 0 : 1);
    result_.bytes += info.bytes;
    if (result_.from == bson::Timestamp{}) result_.from = info.span.after;
    result_.to = info.span.last;
    const auto item = fmt::format("up to {}", format_utc(info.wall));
    reporter_.progress({.action = "archive", .item = item, .documents = result_.entries, .bytes = result_.bytes});
  }

  void tell_of_gap(bson::Timestamp after, const std::string& why) {
    tell_of_shortfall(fmt::format("there is a gap in the archive after {}: {}", after.text(), why));
  }

  void tell_of_shortfall(const std::string& sentence) {
    if (std::ranges::find(result_.shortfalls, sentence) != result_.shortfalls.end()) return;
    reporter_.warning(sentence);
    result_.shortfalls.push_back(sentence);
  }

  /// Each trouble once, and when it is over.
  void tell_of_trouble(const Error& error) {
    if (trouble_ == error.message()) return;
    trouble_ = error.message();
    reporter_.warning(trouble_ + "; going on when that has passed, while the server keeps its oplog");
  }
  void tell_of_recovery() {
    if (trouble_.empty()) return;
    reporter_.note("archiving goes on");
    trouble_.clear();
  }

  repo::Repository& repository_;
  ArchiveOptions options_;
  Reporter& reporter_;
  const Clock& clock_;
  ArchiverIdentity identity_;
  std::optional<mongo::Source> source_;
  std::optional<mongo::Connection> connection_;
  std::optional<ArchiveWriter> writer_;
  std::optional<mongo::OplogTail> tail_;  // over connection_
  int64_t rollback_id_ = -1;
  std::string gap_;  ///< why what comes next does not follow what is stored; "" if it does
  PendingEntries pending_;
  std::chrono::nanoseconds started_{}, next_slice_{}, stands_since_{};  ///< by the clock's ticks
  std::optional<std::chrono::nanoseconds> last_slice_;
  std::deque<bson::Timestamp> hours_over_;  ///< in each hour whose slices are to be joined
  std::chrono::nanoseconds next_join_{};
  bson::Timestamp own_end_;            ///< of the last slice that this run stored
  OpenTransactions open_, open_then_;  ///< after the newest slice, and after the one that is being made
  std::optional<std::chrono::nanoseconds> substitute_since_;  ///< another member than the one that is meant is read
  std::optional<std::chrono::nanoseconds> lost_since_;        ///< the member has lost what comes next
  bool goes_back_ = false, awaits_members_ = false, lock_told_ = false;
  bool refused_ = false;  ///< another archiver is at work
  std::string trouble_;
  ArchiveResult result_;
};

}  // namespace

Result<ArchiveResult> archive(repo::Repository& repository, const ArchiveOptions& options, Reporter& reporter,
                              const Cancel& cancel, const Clock& clock) {
  return Archiver(repository, options, reporter, clock).run(cancel);
}

}  // namespace varve::job
