#include "job/oplog_window.h"

#include <algorithm>

#include "mongo/topology.h"

namespace varve::job {

namespace {

// What may come in while the catalog is listed; more means that listing cannot keep up with the writes.
constexpr size_t kMostWhileListing = 256u << 20;
constexpr size_t kMostPending = 32u << 20;
constexpr std::chrono::milliseconds kBetweenReleases(50);

bool changes_catalog(bson::OplogKind kind) {
  using bson::OplogKind;
  switch (kind) {
    case OplogKind::kCreate:
    case OplogKind::kDrop:
    case OplogKind::kDropDatabase:
    case OplogKind::kRename:
    case OplogKind::kCollMod:
    case OplogKind::kConvertToCapped:
    case OplogKind::kCreateIndexes:
    case OplogKind::kDropIndexes:
    case OplogKind::kCommitIndexBuild:
      return true;
    default:
      return false;
  }
}

Result<bool> entry_changes_catalog(const bson::OplogEntry& entry) {
  if (entry.kind != bson::OplogKind::kApplyOps) return changes_catalog(entry.kind) && in_scope(entry.ns);
  TRY_ASSIGN(const auto operations, bson::nested_operations(entry));
  for (const auto& op : operations) {
    TRY_ASSIGN(const bool changes, entry_changes_catalog(op));
    if (changes) return true;
  }
  return false;
}

Error stands_still(bson::Timestamp at, bson::Timestamp wanted) {
  return Error(ErrorKind::kUnavailable,
               "the oplog was followed up to " + at.text() + " and did not reach " + wanted.text() + " within a minute")
      .with_code(mongo::kStandsStill)
      .hint("the member that is read does not get on; see rs.status()");
}

/// Its operations count later than its own time: at the transaction's commit (RULES 9).
bool counts_later(bson::View entry) {
  const auto o = entry.document("o");
  return o && (o->truthy("partialTxn") || o->truthy("prepare"));
}

}  // namespace

OplogWindow::OplogWindow(MemberConnection connection, mongo::OplogTail tail, bson::Timestamp start,
                         bson::Timestamp majority)
    : connection_(std::move(connection)), tail_(std::move(tail)), start_(start), majority_(majority), taken_(start) {}

Result<std::unique_ptr<OplogWindow>> OplogWindow::open(ReadMember& member, const Cancel& cancel) {
  TRY_ASSIGN(auto connection, MemberConnection::open(member, cancel));
  // What is open is known as of a moment between the two positions. A transaction that is not open then has ended
  // before the second one, so once that is majority-committed its operations are in whatever is read.
  TRY_ASSIGN(const auto before, mongo::position(*connection, cancel));
  TRY_ASSIGN(const auto start, mongo::oplog_start(*connection, before.applied, cancel));
  TRY_ASSIGN(const auto after, mongo::position(*connection, cancel));
  TRY(mongo::wait_for_majority(*connection, after.applied, kMajorityPatience, cancel));
  TRY_ASSIGN(auto tail, mongo::OplogTail::open(*connection, start, cancel));
  return std::unique_ptr<OplogWindow>(new OplogWindow(std::move(connection), std::move(tail), start, after.applied));
}

Result<bool> OplogWindow::catalog_was_quiet(bson::Timestamp listed, const Cancel& cancel) {
  bool quiet = true;
  const auto hold = [&](ByteView entry) -> Status {
    TRY_ASSIGN(const auto parsed, bson::parse_oplog_entry(bson::View(entry)));
    if (parsed.ts > majority_) {
      TRY_ASSIGN(const bool changes, entry_changes_catalog(parsed));
      if (changes) quiet = false;
    }
    if (pending_.size() + entry.size() > kMostWhileListing) {
      return fail(
          Error(ErrorKind::kInconsistent, "more than 256 MiB of oplog came in while the collections were listed")
              .hint("run the backup when fewer writes come in"));
    }
    append(pending_, entry);
    return {};
  };
  while (tail_->reached().ts < listed) {
    TRY(cancel.check());
    TRY(tail_->poll(hold, cancel));
  }
  listed_ = tail_->reached();
  return quiet;
}

void OplogWindow::start(KeptOplog& kept) {
  kept_ = &kept;
}

Status OplogWindow::store(ByteView entry) {
  const auto ts = bson::View(entry).timestamp("ts").value_or(bson::Timestamp{});
  std::lock_guard lock(mutex_);
  if (end_ && ts > *end_) {
    taken_ = ts;  // the end may be an entry that was rolled back
    return {};
  }
  // Everything is read after majority_, so what happened until then is in the documents and in the catalog already.
  if (ts > majority_ || counts_later(bson::View(entry))) TRY(kept_->take(entry, time_ && ts > *time_));
  newest_ = mongo::position_of(bson::View(entry));
  if (!time_ || ts <= *time_) newest_at_time_ = newest_;
  if (ts > taken_) taken_ = ts;
  return {};
}

bool OplogWindow::at_end() const {
  std::lock_guard lock(mutex_);
  return end_ && taken_ >= *end_;
}

Status OplogWindow::follow(const Cancel& cancel) {
  while (!at_end()) {
    TRY(cancel.check());
    TRY(keep_up(cancel));
    TRY(take_more(cancel));
    TRY(release(cancel));
  }
  std::lock_guard lock(mutex_);
  return kept_->finish(!time_ || *end_ > *time_);
}

/// Where too much waits for a majority the server keeps the rest.
Status OplogWindow::take_more(const Cancel& cancel) {
  if (pending_.size() >= kMostPending) return cancel.sleep(kBetweenReleases) ? Status() : cancel.check();
  const auto take = [this](ByteView entry) -> Status {
    append(pending_, entry);
    return {};
  };
  const auto taken = tail_->poll(take, cancel);
  return taken ? taken : go_on(taken.error(), cancel);
}

/// Stores what has become majority-committed.
Status OplogWindow::release(const Cancel& cancel) {
  const auto now = std::chrono::steady_clock::now();
  if (pending_.empty() || now < next_release_) return {};
  next_release_ = now + kBetweenReleases;
  const auto at = mongo::position(*connection_, cancel);
  if (!at) return go_on(at.error(), cancel);
  size_t released = 0;
  while (released < pending_.size()) {
    const auto rest = ByteView(pending_).subspan(released);
    const auto size = bson::check_framing(rest);
    if (!size) return fail(ErrorKind::kCorrupt, "local.oplog.rs: an entry that is not BSON");
    const auto entry = rest.first(*size);
    if (mongo::position_of(bson::View(entry)).ts > at->majority) break;
    TRY(store(entry));
    released += *size;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(released));
  if (pending_.empty() && pending_.capacity() > 2 * kMostPending) pending_ = {};
  return {};
}

/// Other threads may have lost the member before this one does, and wait for what the next one has.
Status OplogWindow::keep_up(const Cancel& cancel) {
  if (!connection_.is_behind()) return {};
  tail_.reset();
  return connect_tail(cancel);
}

/// What had not become majority-committed may have been rolled back. A tail that has lost its place by that goes on
/// from the newest entry that was stored, as it does where the member was lost.
Status OplogWindow::go_on(const Error& trouble, const Cancel& cancel) {
  tail_.reset();
  const bool rolled_back = trouble.kind() == ErrorKind::kInconsistent && !pending_.empty();
  if (!rolled_back) TRY(connection_.go_on(trouble, cancel));
  return connect_tail(cancel);
}

Status OplogWindow::connect_tail(const Cancel& cancel) {
  pending_.clear();
  const auto open = [&](mongo::Connection& connection) -> Status {
    TRY(prove(connection, cancel));
    TRY_ASSIGN(auto tail, open_tail(connection, cancel));
    tail_.emplace(std::move(tail));
    return {};
  };
  return connection_.run(open, cancel);
}

Result<mongo::OplogTail> OplogWindow::open_tail(mongo::Connection& connection, const Cancel& cancel) const {
  mongo::OplogPosition stored;
  {
    std::lock_guard lock(mutex_);
    stored = newest_;
  }
  if (stored.ts == bson::Timestamp{}) return mongo::OplogTail::open(connection, start_, cancel);
  return mongo::OplogTail::open_after(connection, stored, cancel);
}

Result<bson::Timestamp> OplogWindow::choose_time(bson::Timestamp at_least, const Cancel& cancel) {
  constexpr std::chrono::milliseconds kPoll(10);
  std::unique_lock lock(mutex_);
  if (!time_) time_ = std::max(at_least, taken_);
  const auto patience = std::chrono::steady_clock::now() + kMajorityPatience;
  while (taken_ < *time_) {
    if (std::chrono::steady_clock::now() > patience) return fail(stands_still(taken_, *time_));
    lock.unlock();
    if (!cancel.sleep(kPoll)) TRY(cancel.check());
    lock.lock();
  }
  return *time_;
}

bool OplogWindow::was_dropped(ByteView uuid) const {
  std::lock_guard lock(mutex_);
  return kept_->filter().dropped().contains(std::string(as_text(uuid)));
}

bool OplogWindow::was_renamed(ByteView uuid) const {
  std::lock_guard lock(mutex_);
  return kept_->filter().renamed().contains(std::string(as_text(uuid)));
}

bson::Timestamp OplogWindow::end(bson::Timestamp at_least) {
  std::lock_guard lock(mutex_);
  if (!end_) end_ = std::max(at_least, taken_);
  return *end_;
}

bson::Timestamp OplogWindow::end_at_time() {
  std::lock_guard lock(mutex_);
  end_ = *time_;
  return *end_;
}

Status OplogWindow::check_kept(mongo::Connection& connection, const Cancel& cancel) const {
  mongo::OplogPosition last;
  {
    std::lock_guard lock(mutex_);
    last = end_ ? newest_ : newest_at_time_;
  }
  if (last.ts == bson::Timestamp{}) return {};  // nothing came after the start, which was majority-committed
  return mongo::check_held(connection, last, cancel);
}

Status OplogWindow::prove(mongo::Connection& connection, const Cancel& cancel) const {
  mongo::OplogPosition last;
  bson::Timestamp at_least;
  {
    std::lock_guard lock(mutex_);
    last = newest_.ts < listed_.ts ? listed_ : newest_;
    at_least = std::max({majority_, last.ts, time_.value_or(bson::Timestamp{})});
  }
  TRY(mongo::wait_for_majority(connection, at_least, kMajorityPatience, cancel));
  if (last.ts == bson::Timestamp{}) return {};
  return mongo::check_held(connection, last, cancel);
}

}  // namespace varve::job
