#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bson/digest.h"
#include "bson/document.h"
#include "bson/namespace.h"

namespace varve::collection {

/// The number of the manifest's format that this version writes and reads.
inline constexpr uint64_t kManifestFormat = 1;

enum class Order : uint8_t { kNatural, kId };

/// One collection, view or time-series bucket collection as it was backed up.
struct CollectionEntry {
  bson::Namespace ns;
  std::string type;                             ///< "collection", "view", "timeseries"
  std::string uuid;                             ///< 32 hex digits; empty for views
  bson::Document options;                       ///< listCollections' options, verbatim
  bson::Document id_index;                      ///< listCollections' idIndex; {} if none
  std::vector<bson::Document> indexes;          ///< listIndexes, verbatim, finished ones only
  std::vector<std::string> unfinished_indexes;  ///< names of those left out because their build had not ended
  Order order = Order::kNatural;
  uint32_t average_chunk = 1u << 20;
  bson::Digest as_read;  ///< of the documents in the folder
  std::string how;       ///< "snapshot": at one time; "window": between T0 and T1; "fallback": so for want of the first
  std::string note;      ///< anything a user must know, e.g. "dropped while it was read"
};

struct Skipped {
  std::string what;  ///< a namespace or part
  std::string reason;
  bool counts = false;  ///< true: the backup is incomplete by it; false: outside its scope by design
};

/// varve/manifest.json of one replica set or standalone: versions, topology, the moment, and every collection. Unknown
/// keys in what is read are ignored; the format's number must be known. Described in docs/specs/manifest.md.
struct Manifest {
  std::string varve_version;
  std::string backup_id;  ///< our own identity, as in the tag varve:<uuid>
  std::string source;     ///< the name given by --source
  std::string set_name;   ///< "" for a standalone
  std::string set_id;     ///< replica-set id (hex ObjectId); "" for a standalone
  std::string server_version;
  std::string fcv;
  std::string member;                       ///< host:port that was read
  std::string member_role;                  ///< "hidden secondary", "secondary", "primary", "standalone"
  std::vector<std::string> member_changes;  ///< sentences: where reading went on from another member, as one was lost
  std::string imported_from;                ///< what it was imported from; "" for a backup of a server
  /// "one-time"; "window"; "locked" (standalone, nobody could write); "quiet" (standalone, nothing written meanwhile);
  /// "inconsistent"; "imported": of a dump without an oplog, of which nobody knows whether its collections are of one
  /// moment
  std::string consistency;
  bson::Timestamp oplog_start;           ///< first instant covered by oplog.bson; zero for a standalone
  bson::Timestamp t0, t1;                ///< documents were read between them; the moment is t1
  bson::Timestamp read_at;               ///< documents of collections read as "snapshot" are of this time; else zero
  uint64_t oplog_entries = 0;            ///< entries in oplog.bson
  uint64_t oplog_changes = 0;            ///< those of them that change selected data
  std::vector<std::string> needs_varve;  ///< why stock tools cannot reach the moment; empty if they can
  std::vector<std::string> includes, excludes;
  bson::Document default_rw_concern;  ///< recorded, never applied
  bson::Document cluster_parameters;  ///< recorded, never applied
  std::vector<CollectionEntry> collections;
  std::vector<Skipped> skipped;

  bool imported() const { return !imported_from.empty(); }
  /// Whether a document that was deleted and inserted again may have been met in both places, and no oplog decides.
  bool may_repeat() const { return consistency == "inconsistent" || consistency == "imported"; }
};

std::string encode_manifest(const Manifest& manifest);
Result<Manifest> decode_manifest(std::string_view json);

}  // namespace varve::collection
