#pragma once

#include <set>
#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/namespace.h"
#include "mongo/connection.h"

namespace varve::mongo {

/// One entry of listCollections with its indexes.
struct CollectionInfo {
  bson::Namespace ns;
  std::string type;                     ///< "collection", "view", "timeseries"
  Bytes uuid;                           ///< 16 bytes; empty for views
  bson::Document options;               ///< verbatim
  bson::Document id_index;              ///< verbatim; {} if none
  std::vector<bson::Document> indexes;  ///< finished ones, verbatim without build information
  std::vector<std::string> unfinished;  ///< names of those whose build had not ended
  uint64_t bytes = 0, documents = 0;    ///< estimates, for planning and progress only
  bool by_uuid = true;                  ///< whether the server takes its UUID in the place of its name
  bool capped = false;
  bool temporary = false;  ///< tmp*, tmp.agg_out.*, convertToCapped and rename leftovers, options.temp: RULES 4

  bool has_data() const { return type == "collection"; }  ///< a time-series' data are in its system.buckets collection
};

struct OutOfScope {
  bson::Namespace ns;
  std::string reason;
};

struct Catalog {
  std::vector<CollectionInfo> collections;  ///< sorted by namespace
  std::vector<OutOfScope> left_out;  ///< RULES 7: local, config, system.profile, system.keys, backup tools' own, ...
  bson::Timestamp operation_time;    ///< of the last reply; zero on a standalone
};

/// Lists databases, collections and indexes. Collections that are dropped meanwhile are passed over (their drop is in
/// the oplog); those that are renamed meanwhile are in, under one of their names, so that two may have the same.
/// system.views is left out: views come as entries of type "view". admin.system.users, system.roles and system.version
/// are in; so are system.js and system.buckets.*.
Result<Catalog> list_catalog(Connection& connection, const Cancel& cancel);
/// The same of these collections, as far as they are there, without rights on any other.
Result<Catalog> list_catalog(Connection& connection, const std::set<bson::Namespace>& only, const Cancel& cancel);

/// Whether both have the same collections, views, options and indexes. How much is in them does not count.
bool same_catalog(const Catalog& one, const Catalog& other);

/// The UUIDs (16 bytes as text) of the collections that a database has now.
Result<std::set<std::string>> collection_uuids(Connection& connection, const std::string& db, const Cancel& cancel);

/// Cluster-wide settings that are recorded and shown, never applied; {} where they can't be read.
bson::Document default_rw_concern(Connection& connection, const Cancel& cancel);
bson::Document cluster_parameters(Connection& connection, const Cancel& cancel);

}  // namespace varve::mongo
