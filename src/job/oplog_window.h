#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "job/kept_oplog.h"
#include "job/read_member.h"
#include "mongo/catalog.h"
#include "mongo/oplog.h"

namespace varve::job {

/// The oplog of a backup's window, tailed from before the catalog is listed until the last read has ended, so that a
/// rollover, or an entry that is not understood once it is committed, ends the run at once (RULES 2). What came waits
/// until it is majority-committed, so that any member has it; when the one that is read is lost, another one's oplog is
/// followed on from there. Used in this order: open, list, start, follow (on a thread of its own) and meanwhile
/// choose_time, if everything is read at one time, and one of the two ends.
class OplogWindow {
 public:
  /// Waits, kMajorityPatience at most, until what the member has applied is majority-committed.
  static Result<std::unique_ptr<OplogWindow>> open(ReadMember& member, const Cancel& cancel);

  /// The oplog is kept from here: the majority point at open, or the start of the oldest transaction open then.
  bson::Timestamp start() const { return start_; }
  /// Until start: that of the member whose oplog is followed, on which the catalog is to be listed.
  mongo::Connection& connection() { return *connection_; }
  /// The majority point at open. Documents are read after it.
  bson::Timestamp majority() const { return majority_; }

  /// Reads on until `listed`, the time at which the catalog had been listed; false if the catalog changed after
  /// majority(), so that the listing may mix two states.
  Result<bool> catalog_was_quiet(bson::Timestamp listed, const Cancel& cancel);

  /// From now on entries go to `kept`, which outlives the window.
  void start(KeptOplog& kept);
  /// Tails until `end` was called and everything up to the end is stored. The body of a thread.
  Status follow(const Cancel& cancel);
  /// Fixes the time at which documents are read: `at_least`, which is majority-committed, or the newest entry taken if
  /// that is later. Gives it, once everything up to then was taken. Another call gives the same.
  Result<bson::Timestamp> choose_time(bson::Timestamp at_least, const Cancel& cancel);
  /// After choose_time: whether the collection had been dropped, or renamed, by then.
  bool was_dropped(ByteView uuid) const;
  bool was_renamed(ByteView uuid) const;

  /// Fixes the end of the window, which is the moment: `at_least`, or the newest entry taken if that is later. Gives
  /// it. Call once all reads ended; another call gives the same.
  bson::Timestamp end(bson::Timestamp at_least);
  /// Ends the window at the time that choose_time gave: what came after it is not kept.
  bson::Timestamp end_at_time();
  /// Once everything taken up to the time chosen, or, after end(), up to the end, has become majority-committed on the
  /// member: kInconsistent if that is not what was taken, as the member has rolled it back meanwhile.
  Status check_kept(mongo::Connection& connection, const Cancel& cancel) const;
  /// For another member, once started: waits, kMajorityPatience at most, until it has everything that was read, listed
  /// or taken. kInconsistent if its history is another one.
  Status prove(mongo::Connection& connection, const Cancel& cancel) const;

 private:
  OplogWindow(MemberConnection connection, mongo::OplogTail tail, bson::Timestamp start, bson::Timestamp majority);
  bool at_end() const;
  Status take_more(const Cancel& cancel);
  Status release(const Cancel& cancel);
  Status store(ByteView entry);
  Status keep_up(const Cancel& cancel);
  Status go_on(const Error& trouble, const Cancel& cancel);
  Status connect_tail(const Cancel& cancel);
  Result<mongo::OplogTail> open_tail(mongo::Connection& connection, const Cancel& cancel) const;

  MemberConnection connection_;
  std::optional<mongo::OplogTail> tail_;  // over connection_
  const bson::Timestamp start_, majority_;
  mongo::OplogPosition listed_;  // the newest entry met while the catalog was listed
  Bytes pending_;                // whole entries that were not majority-committed, or met before the catalog was known
  std::chrono::steady_clock::time_point next_release_{};

  mutable std::mutex mutex_;  // guards all below
  KeptOplog* kept_ = nullptr;
  bson::Timestamp taken_;
  mongo::OplogPosition newest_, newest_at_time_;
  std::optional<bson::Timestamp> time_;  // at which documents are read
  std::optional<bson::Timestamp> end_;
};

}  // namespace varve::job
