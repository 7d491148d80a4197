#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "bson/namespace.h"
#include "bson/oplog.h"

namespace varve::collection {

/// A stored range of a replica set's oplog: the entries after `after` up to `last`. The file begins with the entry at
/// `after`, which is the last one of the slice before, and so proves that nothing lies between the two.
struct SliceSpan {
  bson::Timestamp after, last;

  auto operator<=>(const SliceSpan&) const = default;
};

/// Where a slice lies below its replica set's folder: "2026/11/28/08", by the hour (UTC) of its last entry.
std::string slice_folder(bson::Timestamp last);
/// "1795251206.0000000003-1795251210.0000000001", to which ".bson" or ".json" is added. Names sort as times do.
std::string slice_name(const SliceSpan& span);
/// Of a ".bson" file; nothing for any other name.
std::optional<SliceSpan> parse_slice_name(std::string_view file);

inline constexpr uint64_t kSliceFormat = 1;

/// What happened to a namespace in a slice; operations inside of transactions count in the entry that holds them.
struct SliceCounts {
  uint64_t inserts = 0, updates = 0, deletes = 0;
  uint64_t commands = 0;  ///< that change the catalog

  bool operator==(const SliceCounts&) const = default;
};

/// The .json file beside a slice. Described in docs/specs/oplog-archive.md.
struct SliceInfo {
  SliceSpan span;
  int64_t after_term = -1, last_term = -1;
  std::string set_name, set_id;
  std::string member, server_version, fcv;  ///< where it was read
  int64_t rollback_id = -1;                 ///< of the member
  Time wall{};                              ///< that the last entry says it is of, for people
  uint64_t entries = 0, bytes = 0;          ///< in the file, the repeated one too
  bson::Timestamp oldest_open;              ///< where the oldest transaction began that was open at the end; zero: none
  std::string gap;        ///< why what lies between the slice before and this one is missing; "": nothing is
  std::string run, host;  ///< of the archiver that made it
  uint64_t process = 0;
  std::map<bson::Namespace, SliceCounts> operations;
};

std::string encode_slice(const SliceInfo& info);
/// kCorrupt for what is none, kUnsupported for a later format.
Result<SliceInfo> decode_slice(std::string_view json);

/// Counts what an entry does, also inside of it. What is not understood counts as a command.
void count_operations(bson::View entry, std::map<bson::Namespace, SliceCounts>& counts);

}  // namespace varve::collection
