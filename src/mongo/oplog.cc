#include "mongo/oplog.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "mongo/batch.h"
#include "mongo/driver.h"
#include "mongo/errors.h"

namespace varve::mongo {

namespace {

constexpr int64_t kWireOf44 = 9;
constexpr std::chrono::seconds kVisibilityPatience(5);
constexpr int32_t kBatchSize = 10'000'000;
constexpr int64_t kWaitMs = 50;

Error rolled_back(const std::string& host, bson::Timestamp seen) {
  return Error(ErrorKind::kInconsistent, host + " rolled writes back while it was read: its oplog has not the entry " +
                                             "any more that was read at " + seen.text())
      .hint("run the backup again");
}

Error rolled_over(const std::string& host, bson::Timestamp from) {
  return Error(ErrorKind::kInconsistent,
               host + ": the oplog rolled over: its entry at " + from.text() + " is not there any more")
      .hint(
          "a larger oplog keeps more: db.adminCommand({replSetResizeOplog: 1, size: MEGABYTES}), on 4.4 and later also "
          "minRetentionHours");
}

bson::Document open_command(bson::Timestamp from, bool hint_seek) {
  bson::Builder find;
  find.add("find", "oplog.rs").open("filter").open("ts").add("$gte", from).end().end();
  find.add("tailable", true).add("awaitData", true).add("batchSize", kBatchSize);
  find.open("readConcern").add("level", "local").end();
  // Before 4.4 the server seeks to a ts only when told that this is its oplog.
  if (hint_seek) find.add("oplogReplay", true);
  return find.finish();
}

}  // namespace

Result<bson::Timestamp> oplog_start(Connection& connection, bson::Timestamp majority, const Cancel& cancel) {
  bson::Builder find;
  find.add("find", "transactions").open("filter").open("state").open_array("$in");
  find.add("0", "prepared").add("1", "inProgress").end().end().end();
  find.open("projection").add("startOpTime", int32_t{1}).end();
  find.open("readConcern").add("level", "local").end();
  auto open = all_results(connection, "config", find.finish(), cancel);
  if (!open) return fail(std::move(open).error().within("config.transactions"));
  auto start = majority;
  for (const auto& transaction : open->documents) {
    if (const auto began = transaction.view().timestamp("startOpTime.ts")) start = std::min(start, *began);
  }
  return start;
}

namespace {

Result<bson::Timestamp> entry_at_end(Connection& connection, int32_t direction, const Cancel& cancel) {
  bson::Builder find;
  find.add("find", "oplog.rs").open("sort").add("$natural", direction).end().add("limit", int32_t{1});
  find.open("projection").add("ts", int32_t{1}).end();
  find.open("readConcern").add("level", "local").end();
  TRY_ASSIGN(const auto found, all_results(connection, "local", find.finish(), cancel));
  const auto at = found.documents.empty() ? std::nullopt : found.documents.front().view().timestamp("ts");
  if (!at) return fail(ErrorKind::kUnavailable, connection.host() + ": its oplog is empty");
  return *at;
}

}  // namespace

OplogPosition position_of(bson::View entry) {
  return {entry.timestamp("ts").value_or(bson::Timestamp{}), entry.int64("t").value_or(-1)};
}

Result<OplogExtent> oplog_extent(Connection& connection, const Cancel& cancel) {
  OplogExtent extent;
  TRY_ASSIGN(extent.oldest, entry_at_end(connection, 1, cancel));
  TRY_ASSIGN(extent.newest, entry_at_end(connection, -1, cancel));
  bson::Builder stats;
  stats.add("collStats", "oplog.rs");
  if (const auto reply = connection.command("local", stats.finish(), cancel)) {
    extent.used = static_cast<uint64_t>(reply->view().int64("size").value_or(0));
    extent.limit = static_cast<uint64_t>(reply->view().int64("maxSize").value_or(0));
  }
  return extent;
}

Status check_held(Connection& connection, OplogPosition position, const Cancel& cancel) {
  bson::Builder find;
  find.add("find", "oplog.rs").open("filter").open("ts").add("$gte", position.ts).add("$lte", position.ts).end().end();
  find.open("projection").add("ts", int32_t{1}).add("t", int32_t{1}).end();
  find.open("readConcern").add("level", "local").end();
  if (connection.wire_version() < kWireOf44) find.add("oplogReplay", true);
  TRY_ASSIGN(const auto found, all_results(connection, "local", find.finish(), cancel));
  const auto is_it = [&](const bson::Document& entry) { return position.fits(position_of(entry)); };
  if (std::ranges::any_of(found.documents, is_it)) return {};
  TRY_ASSIGN(const auto extent, oplog_extent(connection, cancel));
  if (extent.oldest > position.ts) return fail(rolled_over(connection.host(), position.ts));
  return fail(rolled_back(connection.host(), position.ts));
}

Result<std::optional<bson::Timestamp>> first_entry_after(Connection& connection, bson::Timestamp ts,
                                                         const Cancel& cancel) {
  bson::Builder find;
  find.add("find", "oplog.rs").open("filter").open("ts").add("$gt", ts).end().end();
  find.open("sort").add("$natural", int32_t{1}).end().add("limit", int32_t{1});
  find.open("projection").add("ts", int32_t{1}).end();
  find.open("readConcern").add("level", "local").end();
  if (connection.wire_version() < kWireOf44) find.add("oplogReplay", true);
  TRY_ASSIGN(const auto found, all_results(connection, "local", find.finish(), cancel));
  if (found.documents.empty()) return std::nullopt;
  return found.documents.front().view().timestamp("ts");
}

struct OplogTail::State {
  Connection::State& connection;
  OplogPosition reached;
  DriverDocument reply;
  bool unread = false;      ///< the reply of start() has entries that poll() is still to give
  bool seen_first = false;  ///< the first of them was given before
  int64_t id = 0;
  int64_t wait_ms = kWaitMs;

  explicit State(Connection::State& c) : connection(c) {}
  ~State() { kill(); }

  void kill() {
    if (id == 0) return;
    bson::Builder command;
    command.add("killCursors", "oplog.rs").open_array("cursors").add("0", id).end();
    connection.run_briefly("local", command.finish());
    id = 0;
  }

  /// Begins at the entry `reached`, which must be there.
  Status start(const Cancel& cancel) {
    const auto command = open_command(reached.ts, connection.wire_version < kWireOf44);
    // A tailing cursor may not see the newest entries for a moment, even committed ones.
    const auto patience = std::chrono::steady_clock::now() + kVisibilityPatience;
    for (;;) {
      auto status = connection.run("local", command, reply, cancel);
      if (!status) return fail(explain(std::move(status).error()));
      id = reply.view().int64("cursor.id").value_or(0);
      const auto first = reply.view().document("cursor.firstBatch.0");
      if (first && position_of(*first).ts == reached.ts) {
        if (!reached.fits(position_of(*first))) return fail(rolled_back(connection.host, reached.ts));
        break;
      }
      if (first || std::chrono::steady_clock::now() > patience) return fail(rolled_over(connection.host, reached.ts));
      kill();
      if (!cancel.sleep(std::chrono::milliseconds(50))) return cancel.check();
    }
    unread = true;
    return {};
  }

  /// A cursor that the server closed (after a restart of the session, or idle) goes on where it was, with the same
  /// proof.
  Status start_again(const Cancel& cancel) {
    id = 0;
    seen_first = true;
    return start(cancel);
  }

  Error explain(Error error) const {
    if (is_stop(error)) return error;
    if (error.code() == code::kCappedPositionLost) return rolled_over(connection.host, reached.ts);
    return std::move(error).within("local.oplog.rs");
  }

  Status get_more(const Cancel& cancel) {
    bson::Builder more;
    more.add("getMore", id).add("collection", "oplog.rs").add("batchSize", kBatchSize).add("maxTimeMS", wait_ms);
    auto status = connection.run("local", more.finish(), reply, cancel);
    if (status) {
      id = reply.view().int64("cursor.id").value_or(0);
      return {};
    }
    if (status.error().code() == code::kCursorNotFound) return start_again(cancel);
    if (status.error().code() != 0) id = 0;
    return fail(explain(std::move(status).error()));
  }

  Status visit(const std::function<Status(ByteView)>& take) {
    const auto entries = reply.view().array(unread ? "cursor.firstBatch" : "cursor.nextBatch");
    bool skip = std::exchange(seen_first, false);
    unread = false;
    if (!entries) return fail(ErrorKind::kCorrupt, "local.oplog.rs: the server's reply has no entries");
    return each_in_batch(*entries, [&](ByteView entry) -> Status {
      if (std::exchange(skip, false)) return {};
      const auto ts = bson::View(entry).timestamp("ts");
      if (!ts) return fail(ErrorKind::kCorrupt, "local.oplog.rs: an entry without ts");
      TRY(take(entry));
      reached = position_of(bson::View(entry));
      return {};
    });
  }
};

OplogTail::OplogTail() = default;
OplogTail::~OplogTail() = default;
OplogTail::OplogTail(OplogTail&&) noexcept = default;
OplogTail& OplogTail::operator=(OplogTail&&) noexcept = default;

Result<OplogTail> OplogTail::open(Connection& connection, bson::Timestamp from, const Cancel& cancel) {
  OplogTail tail;
  tail.state_ = std::make_unique<State>(connection.state());
  tail.state_->reached.ts = from;
  TRY(tail.state_->start(cancel));
  return tail;
}

Result<OplogTail> OplogTail::open_after(Connection& connection, OplogPosition seen, const Cancel& cancel) {
  OplogTail tail;
  tail.state_ = std::make_unique<State>(connection.state());
  tail.state_->reached = seen;
  TRY(tail.state_->start_again(cancel));
  return tail;
}

Status OplogTail::poll(const std::function<Status(ByteView)>& visit, const Cancel& cancel) {
  auto& state = *state_;
  if (!state.unread) TRY(state.id != 0 ? state.get_more(cancel) : state.start_again(cancel));
  return state.visit(visit);
}

void OplogTail::be_patient(std::chrono::milliseconds wait) {
  state_->wait_ms = wait.count();
}

OplogPosition OplogTail::reached() const {
  return state_->reached;
}

}  // namespace varve::mongo
