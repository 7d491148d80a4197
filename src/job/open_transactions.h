#pragma once

#include <map>
#include <optional>
#include <string>

#include "bson/view.h"

namespace varve::job {

/// Where transactions began whose entries up to some place of the oplog are not all there is of them. One that is not
/// prepared is in the oplog from its commit on, but a place may lie between its parts.
class OpenTransactions {
 public:
  OpenTransactions() = default;
  /// After entries that somebody else has seen: of those that were open nothing is known but where the oldest began.
  explicit OpenTransactions(bson::Timestamp oldest) {
    if (oldest != bson::Timestamp{}) unknown_ = Unknown{oldest, {}};
  }

  void take(bson::View entry);
  /// The server told, when its oplog had come to `as_of`, that none is open which began before `oldest`.
  void hear(bson::Timestamp oldest, bson::Timestamp as_of);
  /// All entries up to there were taken.
  void reach(bson::Timestamp last);

  /// Whether hear() may tell something new.
  bool awaits_word() const { return unknown_ && !unknown_->over_at; }
  std::optional<bson::Timestamp> oldest() const;

 private:
  struct Unknown {
    bson::Timestamp oldest;
    std::optional<bson::Timestamp> over_at;
  };
  std::map<std::string, bson::Timestamp> begun_;  // by session
  std::optional<Unknown> unknown_;
};

}  // namespace varve::job
