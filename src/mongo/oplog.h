#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "bson/document.h"
#include "mongo/connection.h"

namespace varve::mongo {

/// The instant from which the oplog must be kept for a backup that begins now: the start of the oldest open transaction
/// (config.transactions, states prepared and inProgress, local read concern), if that is before `majority`; else
/// `majority`.
Result<bson::Timestamp> oplog_start(Connection& connection, bson::Timestamp majority, const Cancel& cancel);

/// An entry's time and the term in which it was written. Where one member has the same entry as another, or as itself
/// before, it has the same entries before it: a rollback puts others in their place, of a later term.
struct OplogPosition {
  bson::Timestamp ts;
  int64_t term = -1;  ///< -1: not known, which fits any

  bool fits(const OplogPosition& other) const {
    return ts == other.ts && (term == other.term || term == -1 || other.term == -1);
  }
};
OplogPosition position_of(bson::View entry);
/// kInconsistent if the member's oplog does not hold that very entry any more: it was rolled back, or rolled over.
Status check_held(Connection& connection, OplogPosition position, const Cancel& cancel);

/// Where the first entry after `ts` is that the member holds; nothing if there is none yet.
Result<std::optional<bson::Timestamp>> first_entry_after(Connection& connection, bson::Timestamp ts,
                                                         const Cancel& cancel);

/// What a member's oplog holds.
struct OplogExtent {
  bson::Timestamp oldest, newest;
  uint64_t used = 0, limit = 0;  ///< bytes; 0 where they cannot be read

  /// Whether old entries have begun to go; true where that is not known.
  bool full() const { return limit == 0 || used >= limit / 10 * 9; }
};
Result<OplogExtent> oplog_extent(Connection& connection, const Cancel& cancel);

/// Reads the oplog from an instant on, entry by entry, tailing. The first entry must be the one at that very instant:
/// proof that nothing before it has rolled over. One thread.
class OplogTail {
 public:
  /// kInconsistent ("the oplog rolled over") if the entry at `from` is not there any more.
  static Result<OplogTail> open(Connection& connection, bson::Timestamp from, const Cancel& cancel);
  /// The same after the entry `seen`, which must be there as it was seen, perhaps on another member.
  static Result<OplogTail> open_after(Connection& connection, OplogPosition seen, const Cancel& cancel);
  ~OplogTail();
  OplogTail(OplogTail&&) noexcept;
  OplogTail& operator=(OplogTail&&) noexcept;

  /// For how long the server is to wait for entries at each poll.
  void be_patient(std::chrono::milliseconds wait);
  /// Waits at most about a second for entries and visits what came (the bytes valid during the call). kInconsistent if
  /// the cursor fell off the oplog's end.
  Status poll(const std::function<Status(ByteView)>& visit, const Cancel& cancel);
  /// The newest entry visited; at first one at `from` whose term is not known, or `seen`.
  OplogPosition reached() const;

 private:
  OplogTail();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace varve::mongo
