#include "job/oplog_window.h"

namespace varve::job {

namespace {

// What may be held while the catalog is listed; more means that listing cannot keep up with the writes.
constexpr size_t kMaxHeldBytes = 256u << 20;

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

/// Its operations count later than its own time: at the transaction's commit (RULES 9).
bool counts_later(bson::View entry) {
  const auto o = entry.document("o");
  return o && (o->truthy("partialTxn") || o->truthy("prepare"));
}

}  // namespace

OplogWindow::OplogWindow(mongo::Connection connection, mongo::OplogTail tail, bson::Timestamp start,
                         bson::Timestamp majority)
    : connection_(std::move(connection)), tail_(std::move(tail)), start_(start), majority_(majority), taken_(start) {}

Result<std::unique_ptr<OplogWindow>> OplogWindow::open(const mongo::Source& source, const Cancel& cancel) {
  TRY_ASSIGN(auto connection, mongo::Connection::open(source.uri, cancel));
  // What is open is known as of a moment between the two positions. A transaction that is not open then has ended
  // before the second one, so once that is majority-committed its operations are in whatever is read.
  TRY_ASSIGN(const auto before, mongo::position(connection, cancel));
  TRY_ASSIGN(const auto start, mongo::oplog_start(connection, before.applied, cancel));
  TRY_ASSIGN(const auto after, mongo::position(connection, cancel));
  TRY(mongo::wait_for_majority(connection, after.applied, kMajorityPatience, cancel));
  TRY_ASSIGN(auto tail, mongo::OplogTail::open(connection, start, cancel));
  return std::unique_ptr<OplogWindow>(new OplogWindow(std::move(connection), std::move(tail), start, after.applied));
}

Result<bool> OplogWindow::catalog_was_quiet(bson::Timestamp listed, const Cancel& cancel) {
  bool quiet = true;
  size_t held_bytes = 0;
  const auto hold = [&](ByteView entry) -> Status {
    TRY_ASSIGN(const auto parsed, bson::parse_oplog_entry(bson::View(entry)));
    if (parsed.ts > majority_) {
      TRY_ASSIGN(const bool changes, entry_changes_catalog(parsed));
      if (changes) quiet = false;
    }
    held_bytes += entry.size();
    if (held_bytes > kMaxHeldBytes) {
      return fail(
          Error(ErrorKind::kInconsistent, "more than 256 MiB of oplog came in while the collections were listed")
              .hint("run the backup when fewer writes come in"));
    }
    held_.push_back(to_bytes(entry));
    return {};
  };
  while (tail_.reached() < listed) {
    TRY(cancel.check());
    TRY(tail_.poll(hold, cancel));
  }
  return quiet;
}

Status OplogWindow::start(KeptOplog& kept) {
  kept_ = &kept;
  for (const auto& entry : held_) TRY(store(entry));
  held_.clear();
  held_.shrink_to_fit();
  return {};
}

Status OplogWindow::store(ByteView entry) {
  const auto ts = bson::View(entry).timestamp("ts").value_or(bson::Timestamp{});
  std::lock_guard lock(mutex_);
  if (end_ && ts > *end_) return {};
  // Everything is read after majority_, so what happened until then is in the documents and in the catalog already.
  if (ts > majority_ || counts_later(bson::View(entry))) TRY(kept_->take(entry, time_ && ts > *time_));
  newest_ = mongo::position_of(bson::View(entry));
  if (!time_ || ts <= *time_) newest_at_time_ = newest_;
  if (ts > taken_) taken_ = ts;
  return {};
}

Status OplogWindow::follow(const Cancel& cancel) {
  for (;;) {
    TRY(cancel.check());
    {
      std::lock_guard lock(mutex_);
      if (end_ && taken_ >= *end_) return kept_->finish(!time_ || *end_ > *time_);
    }
    TRY(tail_.poll([this](ByteView entry) { return store(entry); }, cancel));
  }
}

Result<bson::Timestamp> OplogWindow::choose_time(bson::Timestamp at_least, const Cancel& cancel) {
  constexpr std::chrono::milliseconds kPoll(10);
  std::unique_lock lock(mutex_);
  time_ = std::max(at_least, taken_);
  while (taken_ < *time_) {
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
  end_ = std::max(at_least, taken_);
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

}  // namespace varve::job
