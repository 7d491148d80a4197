#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mongo/connection.h"

// Small questions to one server.

namespace varve::mongo {

/// isMaster, which every version understands (hello is younger).
Result<bson::Document> is_master(Connection& connection, const Cancel& cancel);

struct ServerVersion {
  std::string text;  ///< of MongoDB, also where another server says which one it speaks as
  std::vector<int> numbers;
  std::string product;  ///< product_of()
};
/// The name and version of a server that speaks MongoDB's protocol and is another one, as its buildInfo tells; "" for
/// MongoDB and what is built from its sources.
std::string product_of(bson::View build_info);
Result<ServerVersion> server_version(Connection& connection, const Cancel& cancel);

/// "6.0"; "" where it cannot be read.
std::string feature_version(Connection& connection, const Cancel& cancel);

/// Counts the member's rollbacks; -1 where it cannot be read.
int64_t rollback_id(Connection& connection, const Cancel& cancel);

/// How long the server keeps what snapshot reads at a past time want; 300 s, its default, where that cannot be read.
std::chrono::seconds history_window(Connection& connection, const Cancel& cancel);

/// A member's own copy of the set's configuration; {} where it cannot be read.
bson::Document stored_configuration(Connection& connection, const Cancel& cancel);

/// The document that makes a server part of a sharded cluster; nothing if it is none, or may not be read.
std::optional<bson::Document> shard_identity(Connection& connection, const Cancel& cancel);

}  // namespace varve::mongo
