#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bson/oplog.h"
#include "moment/pool.h"
#include "moment/queue.h"

namespace varve::moment {

/// One change with the time at which it takes effect.
struct Operation {
  bson::OplogEntry entry;  ///< an operation that changes data or catalog; never a group or the end of a transaction
  bson::Timestamp effective;
  /// An insert is one of a document that was not there: not so inside a user's own applyOps, where inserts replace.
  bool inserts_are_new = true;
  bool upsert = false;
};

/// Gives the operations of an oplog in the order in which they take effect (RULES 9): those outside of transactions as
/// they come, those of a transaction when it commits, a prepared one's with the time it commits at. Groups are taken
/// apart. Parts of open transactions wait in memory and, past the pool's limit, in the spill file. One thread.
class Operations {
 public:
  using Sink = std::function<Status(const Operation&)>;

  /// Operations in effect after `until` are not given. Up to `known` everything is in the base already: a transaction
  /// that ended before it may have begun before the stream.
  Operations(Pool& pool, std::optional<bson::Timestamp> until, bson::Timestamp known);

  /// The next entry, in the order of their `ts`; one that is not after the last is passed over.
  Status take(bson::View entry, const Sink& sink);
  /// For who goes on after an entry that take() refused: what is known of its session's transaction is given up.
  void forget_session(bson::View entry);
  /// True once no later entry can give anything.
  bool enough() const;

  uint64_t entries() const { return entries_; }
  bson::Timestamp last() const { return last_; }
  uint64_t unfinished() const { return open_.size(); }
  uint64_t undecided() const;

 private:
  struct Transaction {
    int64_t number = 0;
    bson::Timestamp last;  // of its newest part
    bool prepared = false;
    bool headless = false;  // began before the stream
    std::unique_ptr<Queue> parts;
  };

  bool is_after_moment(bson::Timestamp ts) const { return until_ && ts > *until_; }
  Status dispatch(const bson::OplogEntry& entry, const Sink& sink);
  Status take_part(const bson::OplogEntry& entry, const Sink& sink);
  Result<Transaction*> find_chain(const bson::OplogEntry& entry, const std::string& session, int64_t number);
  Status give_up(const bson::OplogEntry& entry, const std::string& session);
  Status end(const bson::OplogEntry& entry, const Sink& sink);
  Status commit(const std::string& session, bson::Timestamp effective, const Sink& sink);
  Status give_group(const bson::OplogEntry& group, Operation operation, const Sink& sink, int depth);
  Status give(Operation operation, const Sink& sink);
  Status keep_to_limit();

  Pool& pool_;
  const std::optional<bson::Timestamp> until_;
  const bson::Timestamp known_;
  std::map<std::string, Transaction> open_;  // by session: it has one transaction at a time
  uint64_t entries_ = 0;
  bson::Timestamp last_;
};

}  // namespace varve::moment
