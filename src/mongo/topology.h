#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"
#include "mongo/connection.h"

namespace varve::mongo {

enum class Kind : uint8_t { kStandalone, kReplicaSet };

struct MemberOptions {
  std::string member = "auto";  ///< auto, hidden, secondary, primary, or HOST[:PORT]
  std::chrono::seconds max_lag{60};
  std::string before{};  ///< host:port of the member read last time, taken again among equals: natural order is its own
};

/// A member of a set, for people.
struct KnownMember {
  std::string host;   ///< its name in the set
  std::string role;   ///< as Source::role, "arbiter" too
  std::string state;  ///< "primary", "secondary", "arbiter", "unreachable", or "other": starting, recovering, ...
  std::optional<std::chrono::milliseconds> lag;  ///< behind the member with the newest write, if it was reached
  bool read = false;                             ///< it is the one to be read
  std::string why;                               ///< or why it is not: "is an arbiter and holds no data"
};

/// The server to be read, and what was found out on the way.
struct Source {
  Kind kind = Kind::kStandalone;
  std::string set_name;            ///< "" for a standalone
  std::string set_id;              ///< hex ObjectId; from replSetGetConfig or, without that right, from the config that
                                   ///< `local.system.replset` shows; "" if neither
  std::string member;              ///< host:port
  std::string role;                ///< "hidden secondary", "priority-0 secondary", "secondary", "primary", "standalone"
  std::string reason;              ///< why this one, for people: "hidden secondary, 0.4 s behind"
  std::vector<std::string> notes;  ///< e.g. hidden members could not be seen for want of clusterMonitor
  std::vector<std::string> lacks;  ///< what a backup of this member cannot have: its secondary indexes
  std::string address;             ///< where it was reached, mostly the same as `member`
  std::vector<std::string> reached;  ///< where members of the set answered, this one among them
  std::string version;               ///< "6.0.5", or "FerretDB 1.24.2"
  std::vector<int> version_array;    ///< empty where it is not MongoDB
  std::string fcv;
  std::vector<KnownMember> members;  ///< all that are known of the set; none of a standalone
  std::string product;  ///< of another server that speaks MongoDB's protocol: read like a standalone, whatever it says
  Uri uri;              ///< direct to the member
};

/// Finds the member to read and checks that it can be backed up: RULES 6 to 8. Refuses mongos, shards and config
/// servers, arbiters, members that build no indexes, delayed, recovering or lagging ones -- with a sentence and what to
/// do. Seeds are tried in turn; each member is reached directly, HOST:PORT is checked against `me` and `setName`.
Result<Source> choose_source(const Uri& uri, const MemberOptions& options, const Cancel& cancel);

/// The code of errors that tell of a member that stands still, as the server's own for time limits.
constexpr int kStandsStill = 50;
/// Whether an error tells that the member is gone or serves no more, so that another one may; not if it stands still.
bool is_lost(const Error& error);

/// Where this member stands.
struct Position {
  bson::Timestamp majority;  ///< majority-committed
  bson::Timestamp applied;   ///< newest of its oplog
};
Result<Position> position(Connection& connection, const Cancel& cancel);

/// Waits until the member's majority point is at `at_least`, at most `limit`; then an error that names what stands
/// still, kUnavailable and not is_lost().
Status wait_for_majority(Connection& connection, bson::Timestamp at_least, std::chrono::seconds limit,
                         const Cancel& cancel);

/// The privileges a backup needs and the login lacks, as role names with the reason; empty if all is there or no
/// authorization is on. `lock`: those for fsync locks too.
Result<std::vector<std::string>> missing_for_backup(Connection& connection, bool lock, const Cancel& cancel);

}  // namespace varve::mongo
