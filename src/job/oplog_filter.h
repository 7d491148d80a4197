#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/namespace.h"
#include "bson/oplog.h"

namespace varve::job {

/// Of an oplog entry: what a server takes back by applyOps.
inline constexpr size_t kLargestReplayable = 16u << 20;

/// False for a namespace that is never backed up as data: local, config, profiles, keys. RULES 7.
bool in_scope(const bson::Namespace& ns);

/// Decides for each oplog entry of a backup's window, in order, whether it belongs to the backup. Collections are
/// followed by their UUID through creates and renames (RULES 4: never by name alone), and what stock tools could not
/// replay is noted (RULES 13). Pure; one thread.
class OplogFilter {
 public:
  /// `meanwhile`: when the entries came, for people.
  explicit OplogFilter(bson::NamespaceFilter filter, std::string meanwhile = "while the backup ran")
      : filter_(std::move(filter)), meanwhile_(std::move(meanwhile)) {}

  /// A collection found when the catalog was listed.
  void know(ByteView uuid, const bson::Namespace& ns, bool selected);

  /// Appends the entry, or what of it is selected, to `out`; leaves `out` empty if nothing is. kUnsupported for an
  /// entry that is not understood: a backup that skipped it would be wrong without anyone knowing.
  Status take(ByteView entry, Bytes& out);

  uint64_t changes() const { return changes_; }  ///< operations taken that change data or catalog
  /// Why a stock replay of the window would not reach the moment; each reason once.
  const std::set<std::string>& needs_varve() const { return needs_varve_; }
  /// What makes the backup incomplete: data renamed in from collections that were not selected.
  const std::set<std::string>& incomplete() const { return incomplete_; }
  /// UUIDs (16 bytes as text) that the window renamed, and those that it dropped or put another in the place of.
  const std::set<std::string>& renamed() const { return renamed_; }
  const std::set<std::string>& dropped() const { return dropped_; }
  /// Names of indexes whose build ended in the window, by collection UUID.
  const std::map<std::string, std::set<std::string>>& made_indexes() const { return made_indexes_; }

 private:
  Result<bool> wanted(const bson::OplogEntry& op);
  bool wanted_rename(const bson::OplogEntry& op);
  bool by_name(const bson::Namespace& ns) const;
  bool selected(const bson::OplogEntry& op);
  Result<bool> take_group(const bson::OplogEntry& group, Bytes& out);
  Status select_nested(const bson::OplogEntry& group, bson::Builder& kept, size_t& taken, size_t& all);
  void note_hazards(const bson::OplogEntry& op);
  void note_indexes(const bson::OplogEntry& op);

  bson::NamespaceFilter filter_;
  std::string meanwhile_;
  std::map<std::string, bool> selected_by_uuid_;
  uint64_t changes_ = 0;
  std::set<std::string> needs_varve_, incomplete_, renamed_, dropped_;
  std::map<std::string, std::set<std::string>> made_indexes_;
};

}  // namespace varve::job
