#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bson/document.h"
#include "bson/namespace.h"

// What an unfinished restore keeps about itself on its target, as values and as bytes: docs/specs/restore-state.md.
// Pure.

namespace varve::job {

inline constexpr std::string_view kStateDatabase = "varve_restore";
/// Of the name under which a collection is loaded beside the one that it replaces.
inline constexpr std::string_view kTemporaryPrefix = "varve.restoring.";

/// Numbers from 0 on that are done, as few spans [first, last) as they need.
class Spans {
 public:
  void add(uint64_t first, uint64_t last);
  /// All of [first, last); of nothing, true.
  bool cover(uint64_t first, uint64_t last) const;
  const std::map<uint64_t, uint64_t>& all() const { return spans_; }

 private:
  std::map<uint64_t, uint64_t> spans_;
};

/// How far one collection, view or time-series has come.
struct CollectionState {
  bson::Namespace name;  ///< on the target
  bson::Namespace into;  ///< where it is loaded: its name, or the temporary one beside it
  bool there = false;    ///< something had its name before the restore
  bool merge = false;    ///< and stays, so that nothing is kept about what was added to it
  Bytes uuid;            ///< of what the restore created, of a time-series its buckets'; empty until then
  Spans blobs;           ///< of its file: what they hold is on the target
  bool loaded = false;   ///< all of it is, what the window's operations added too
  bool verified = false;
  uint64_t documents = 0, bytes = 0;   ///< of one that is verified
  std::vector<std::string> too_large;  ///< of one that is verified: what was left out of it, a sentence each
};

/// One restore, told from others by what it brings and how.
struct RunState {
  std::string id;        ///< 32 hex digits of a hash of `tree` and `words`
  std::string tree;      ///< of the backup's folder in its snapshot: what is brought back, under whatever snapshot's id
  std::string snapshot;  ///< its id, for people
  std::string words;     ///< the options that decide what comes back and in place of what, as they are typed
  int64_t begun = 0;     ///< milliseconds since 1970
};
RunState make_run(std::string tree, std::string snapshot, std::string words, int64_t begun);

/// A run and its collections by their names on the target.
struct Unfinished {
  RunState run;
  std::map<bson::Namespace, CollectionState> collections;
};

bson::Document encode_run(const RunState& run);
bson::Document encode_collection(const std::string& run_id, const CollectionState& state);

/// What two collections of a server hold. A document that is not as these functions write it counts as none: what it
/// would have told is found out by comparing.
std::vector<Unfinished> decode_state(const std::vector<bson::Document>& runs,
                                     const std::vector<bson::Document>& collections);

}  // namespace varve::job
