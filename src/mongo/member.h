#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bson/view.h"
#include "mongo/topology.h"

// Decisions about a set's members, made from what the servers answered and from nothing else.

namespace varve::mongo {

enum class ServerRole : uint8_t { kStandalone, kMember };

/// What answered isMaster. kUnsupported for a mongos or a config server, kUnavailable for a set that is not initiated.
Result<ServerRole> role_of(const std::string& host, bson::View is_master);

/// The refusal of a shard, from `_id: "shardIdentity"` of admin.system.version.
Error refuse_shard(const std::string& host, bson::View identity);

/// A member of a set.
struct Member {
  std::string host;      ///< its name in the set
  std::string address;   ///< where it was reached, mostly the same
  bool reached = false;  ///< it answered
  std::string trouble;   ///< why not
  bool primary = false;
  bool secondary = false;
  bool arbiter = false;
  bool hidden = false;
  bool builds_indexes = true;
  double priority = 1;
  int64_t delay_seconds = 0;
  std::optional<int64_t> last_write_ms;
};

/// The members that a set's configuration lists (replSetGetConfig's `config`), or, if that is {}, the visible ones that
/// one of them names.
std::vector<Member> members_of(bson::View is_master, bson::View config);

/// Enters what the member itself answered.
void take_answer(bson::View is_master, Member& member);

struct MemberChoice {
  size_t index = 0;
  std::string role;
  std::string reason;
  std::vector<std::string> notes;
  std::vector<std::string> lacks;    ///< what no backup of it can have
  std::vector<KnownMember> members;  ///< all that there were to choose from, in their order
};

/// The member to read: hidden, then priority 0, then other secondaries, then the primary; among equals the one that was
/// read before, then the one least behind. `options.member` narrows that, or names one.
Result<MemberChoice> choose_member(const std::string& set_name, const std::vector<Member>& members,
                                   const MemberOptions& options);

/// Where `--member` names this one: by host and port, or by host alone.
bool is_named(const Member& member, const std::string& name);

}  // namespace varve::mongo
