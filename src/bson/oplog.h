#pragma once

#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/namespace.h"
#include "bson/view.h"

namespace varve::bson {

/// What one oplog entry (or an operation inside applyOps) does, as far as a backup needs to know; see MongoDB's oplog
/// format.
enum class OplogKind : uint8_t {
  kNoop,
  kInsert,
  kUpdate,
  kDelete,
  kCreate,
  kDrop,
  kDropDatabase,
  kRename,
  kCollMod,
  kConvertToCapped,
  kEmptyCapped,
  kCreateIndexes,
  kDropIndexes,
  kStartIndexBuild,
  kCommitIndexBuild,
  kAbortIndexBuild,
  kApplyOps,
  kCommitTransaction,
  kAbortTransaction,
  kIgnorable,  ///< bookkeeping that changes no user data (dbCheck, setMultikeyMetadata, dropIdent, ci, cu, cd, km)
  kUnknown,    ///< must never be skipped silently
};

/// A view of one entry; valid as long as the bytes.
struct OplogEntry {
  OplogKind kind = OplogKind::kUnknown;
  Timestamp ts;  ///< zero inside applyOps
  int64_t term = 0;
  Namespace ns;  ///< of the collection that is meant, also for commands ("db.$cmd" resolved); collection empty for
                 ///< dropDatabase
  std::optional<ByteView> uuid;  ///< `ui`, 16 bytes
  View entry;                    ///< the whole entry
  View o;
  Namespace rename_to;                  ///< kRename only
  bool drops_target = false;            ///< kRename only: a collection of that name is replaced, if there is one
  std::optional<ByteView> drop_target;  ///< kRename only: UUID of what is replaced, where the entry tells it
  std::string_view command;        ///< for messages: the command's name, or what `op` says if it is unknown; else empty
  std::string_view op;             ///< for messages
  std::optional<int64_t> version;  ///< of the oplog's format; not told inside applyOps
};

/// kCorrupt if it is not an oplog entry at all. Unknown operations, updates in a form that no MongoDB writes, and
/// changes that are not of the oplog's version 2, as every MongoDB's are, are kUnknown, not an error: other servers
/// have oplogs too, which look alike and mean something else.
Result<OplogEntry> parse_oplog_entry(View entry);
/// What a kUnknown entry is, for people: "an update with 'updatedFields' on shop.orders".
std::string describe_unknown(const OplogEntry& entry);
/// One level of operations inside an applyOps entry.
Result<std::vector<OplogEntry>> nested_operations(const OplogEntry& apply_ops);

}  // namespace varve::bson
