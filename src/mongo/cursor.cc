#include "mongo/cursor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "bson/namespace.h"
#include "mongo/batch.h"
#include "mongo/driver.h"
#include "mongo/errors.h"

namespace varve::mongo {

namespace {

/// More than fit into a reply of 16 MB, so that the size alone bounds it.
constexpr int32_t kBatchSize = 10'000'000;
constexpr int64_t kMaxWaitMs = 60'000;

void add_source(const ReadSpec& spec, bson::Builder& find) {
  if (spec.uuid.empty()) {
    find.add("find", spec.collection);
  } else {
    find.add_uuid("find", spec.uuid);
  }
}

void add_order(const ReadSpec& spec, bson::Builder& find) {
  if (spec.order == ReadOrder::kId) {
    find.open("hint").add("_id", int32_t{1}).end();
    find.open("sort").add("_id", int32_t{1}).end();
  } else {
    find.open("hint").add("$natural", int32_t{1}).end();
  }
}

/// {_id: MaxKey}, which `min` leaves out as the end of its range.
constexpr std::array<uint8_t, 10> kMaxKey = {10, 0, 0, 0, 0x7f, '_', 'i', 'd', 0, 0};

bson::Document find_command(const ReadSpec& spec, bson::View min, bson::View filter) {
  bson::Builder find;
  add_source(spec, find);
  if (!filter.empty()) find.add("filter", filter);
  add_order(spec, find);
  if (!min.empty()) find.add("min", min);
  find.add("batchSize", kBatchSize);
  spec.add_read_concern(find);
  return find.finish();
}

/// A limited wait for the cluster time: on the find itself maxTimeMS would limit the cursor's whole life.
Status wait_for_cluster_time(Connection::State& state, const ReadSpec& spec, const Cancel& cancel) {
  if (!spec.after_cluster_time) return {};
  bson::Builder find;
  add_source(spec, find);
  find.add("limit", int32_t{1}).add("singleBatch", true).add("maxTimeMS", kMaxWaitMs);
  spec.add_read_concern(find);
  DriverDocument reply;
  auto status = state.run(spec.db, find.finish(), reply, cancel);
  if (!status && status.error().code() == code::kMaxTimeExpired) {
    return fail(Error(ErrorKind::kUnavailable, state.host + " did not reach the cluster time " +
                                                   spec.after_cluster_time->text() + " within a minute")
                    .with_code(code::kMaxTimeExpired)
                    .hint("its replication lags or stands still; see rs.status()"));
  }
  return status;
}

/// A stop is nobody's fault.
Error in_context(Error error, const std::string& label) {
  return is_stop(error) ? std::move(error) : std::move(error).within(label);
}

}  // namespace

void ReadSpec::add_read_concern(bson::Builder& command) const {
  command.open("readConcern");
  if (at) {
    command.add("level", "snapshot").add("atClusterTime", *at);
  } else {
    command.add("level", majority ? "majority" : "local");
    if (after_cluster_time) command.add("afterClusterTime", *after_cluster_time);
  }
  command.end();
}

struct Cursor::State {
  Connection::State& connection;
  std::string db;
  std::string label;
  std::optional<bson::Timestamp> at;
  bson::Document then;  ///< the command that goes on where the one before has ended; {} if none does
  DriverDocument reply;
  const char* batch = "cursor.firstBatch";  ///< of the reply that is not visited yet
  bool unread = true;
  int64_t id = 0;
  std::string collection;  ///< as the server calls it in its latest reply

  explicit State(Connection::State& c) : connection(c) {}
  ~State() {
    if (id == 0) return;
    bson::Builder kill;
    kill.add("killCursors", collection).open_array("cursors").add("0", id).end();
    connection.run_briefly(db, kill.finish());
  }

  void took_reply() {
    id = reply.view().int64("cursor.id").value_or(0);
    if (const auto ns = reply.view().string("cursor.ns")) collection = bson::Namespace::parse(*ns).collection;
    unread = true;
  }

  Status find(bson::View command, const Cancel& cancel) {
    auto status = connection.run(db, command, reply, cancel);
    if (!status) return fail(in_context(std::move(status).error(), label));
    batch = "cursor.firstBatch";
    took_reply();
    if (!at || reply.view().timestamp("cursor.atClusterTime") == at) return {};
    return fail(Error(ErrorKind::kUnsupported, label + ": the server did not read at the time it was asked for")
                    .with_code(code::kSnapshotUnavailable));
  }

  Status get_more(const Cancel& cancel) {
    bson::Builder more;
    more.add("getMore", id).add("collection", collection);
    more.add("batchSize", kBatchSize);
    auto status = connection.run(db, more.finish(), reply, cancel);
    if (!status) {
      if (status.error().code() != 0) id = 0;  // the server is done with it
      return fail(in_context(std::move(status).error(), label));
    }
    batch = "cursor.nextBatch";
    took_reply();
    return {};
  }
};

Cursor::Cursor() = default;
Cursor::~Cursor() = default;
Cursor::Cursor(Cursor&&) noexcept = default;
Cursor& Cursor::operator=(Cursor&&) noexcept = default;

Result<Cursor> Cursor::open(Connection& connection, const ReadSpec& spec, const Cancel& cancel) {
  Cursor cursor;
  cursor.state_ = std::make_unique<State>(connection.state());
  auto& state = *cursor.state_;
  state.db = spec.db;
  state.label = spec.db + "." + spec.collection;
  state.at = spec.at;
  auto status = wait_for_cluster_time(connection.state(), spec, cancel);
  if (!status) return fail(in_context(std::move(status).error(), state.label));
  if (spec.from.view().empty()) {
    TRY(state.find(find_command(spec, {}, {}), cancel));
    return cursor;
  }
  const bson::View max_key{ByteView(kMaxKey)};
  auto last = find_command(spec, {}, max_key);
  if (std::ranges::equal(spec.from.bytes(), max_key.bytes())) {
    TRY(state.find(last, cancel));
  } else {
    state.then = std::move(last);
    TRY(state.find(find_command(spec, spec.from, {}), cancel));
  }
  return cursor;
}

Result<bool> Cursor::next(const std::function<Status(ByteView)>& visit, const Cancel& cancel) {
  auto& state = *state_;
  if (!state.unread) {
    if (state.id != 0) {
      TRY(state.get_more(cancel));
    } else if (state.then.view().empty()) {
      return false;
    } else {
      TRY(state.find(std::exchange(state.then, bson::Document()), cancel));
    }
  }
  state.unread = false;
  const auto batch = state.reply.view().array(state.batch);
  if (!batch) return fail(ErrorKind::kCorrupt, state.label + ": the server's reply has no documents");
  TRY(each_in_batch(*batch, visit));
  return state.id != 0 || !state.then.view().empty();
}

bson::Timestamp Cursor::operation_time() const {
  return state_->reply.view().timestamp("operationTime").value_or(bson::Timestamp{});
}

bool Cursor::vanished(const Error& error) {
  switch (error.code()) {
    case code::kNamespaceNotFound:
    case code::kQueryPlanKilled:
    case code::kSnapshotUnavailable:
      return true;
    default:
      return error.message().find("Unable to resolve") != std::string::npos;
  }
}

bool Cursor::overtaken(const Error& error) {
  return error.code() == code::kCappedPositionLost;
}

bool Cursor::expired(const Error& error) {
  return error.code() == code::kCursorNotFound;
}

bool Cursor::refused_at_time(const Error& error) {
  return error.code() != 0 && error.kind() != ErrorKind::kUnavailable && error.kind() != ErrorKind::kDenied &&
         !expired(error);
}

bool Cursor::too_old(const Error& error) {
  return error.code() == code::kSnapshotTooOld;
}

}  // namespace varve::mongo
