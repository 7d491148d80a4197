#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "mongo/connection.h"
#include "mongo/topology.h"

namespace varve::job {

/// How long a backup waits for its member's majority point, at each place where it has to.
constexpr std::chrono::seconds kMajorityPatience(60);

/// The server that a backup reads, shared by the threads that read it. When a replica set's member is lost, another one
/// takes its place, or itself when it is back (RULES 5). Thread-safe.
class ReadMember {
 public:
  /// kInconsistent if the member at `connection` does not have what was read of the one before, or has lost it.
  using Proof = std::function<Status(mongo::Connection& connection, const Cancel&)>;

  /// `source` was chosen from `uri` by `options`; the others are chosen likewise.
  ReadMember(mongo::Source source, const mongo::Uri& uri, mongo::MemberOptions options, Reporter& reporter);

  struct Place {
    mongo::Uri uri;     ///< direct to the member
    uint64_t turn = 0;  ///< how often the member was replaced until then
  };
  Place place() const;

  /// From now on every member that takes another's place is asked for this proof. It must not wait for this object.
  void prove_by(Proof proof);

  /// The member of `turn` was lost by `trouble`. Returns once there is one of a later turn, which is looked for half a
  /// minute; `trouble`, with what stands in the way, if none is found or there is no set.
  Status replace(uint64_t turn, const Error& trouble, const Cancel& cancel);

  /// For people, one sentence for each replacement.
  std::vector<std::string> replacements() const;

 private:
  Status choose(const Cancel& cancel);
  Status check_same_set(const mongo::Source& next) const;

  const mongo::MemberOptions options_;
  Reporter& reporter_;
  mutable std::mutex mutex_;  // guards all below; held while a member is chosen, for which all wait
  mongo::Uri uri_;
  mongo::Source source_;
  uint64_t turn_ = 0;
  Proof proof_;
  std::vector<std::string> replacements_;
};

/// One thread's connection to the member that is read.
class MemberConnection {
 public:
  static Result<MemberConnection> open(ReadMember& member, const Cancel& cancel);

  mongo::Connection& operator*() { return *connection_; }
  /// Changes with the member.
  uint64_t turn() const { return turn_; }

  /// After `trouble` with what was done over this connection: success if the member was lost and there is another one,
  /// to which it leads now; else `trouble`.
  Status go_on(const Error& trouble, const Cancel& cancel);

  /// Whether the member was replaced since.
  bool is_behind() const;
  /// Leads to the member that is read now.
  Status keep_up(const Cancel& cancel);

  /// Runs `step` over the member that is read now, and again, from its beginning, where it is lost meanwhile.
  Status run(const std::function<Status(mongo::Connection&)>& step, const Cancel& cancel);

 private:
  explicit MemberConnection(ReadMember& member) : member_(&member) {}
  Status connect(const Cancel& cancel);

  ReadMember* member_;
  std::optional<mongo::Connection> connection_;
  uint64_t turn_ = 0;
};

}  // namespace varve::job
