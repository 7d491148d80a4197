#pragma once

#include <map>
#include <mutex>
#include <unordered_map>

#include "repo/check.h"
#include "repo/index.h"

namespace varve::repo {

/// Collects what a check finds, and which places of blobs are bad because of it, so that whoever walks the snapshots
/// later can say what is affected. Thread-safe.
class Findings {
 public:
  using Number = size_t;

  Number error(std::string what);
  Number hint(std::string what);
  /// One hint for many things of a kind: "3 packs are ...: a, b, c".
  void hint_list(std::string_view what, const std::vector<Id>& ids);

  /// Nothing of the pack can be read, or nothing from `end` on, or not the blob at `offset`.
  void mark_pack(const Id& pack, Number because, uint64_t end = 0);
  void mark_place(const Id& pack, uint32_t offset, Number because);
  /// The finding that makes a blob unreadable; nothing if one of its places is good, or there is none.
  std::optional<Number> spoilt_by(const std::vector<BlobLocation>& places) const;
  bool anything_marked() const;

  /// `path` depends on what was found; a finding names a few such paths only.
  void affects(Number finding, const std::string& path);

  std::vector<Finding> take();

 private:
  struct Cut {
    Number because;
    uint64_t end;
  };
  std::optional<Number> spoilt_place_locked(const BlobLocation& at) const;

  mutable std::mutex mutex_;
  std::vector<Finding> findings_;
  std::vector<size_t> unnamed_;  ///< by finding: how many affected paths were not named
  std::unordered_map<Id, Cut> packs_;
  std::map<std::pair<Id, uint32_t>, Number> places_;
};

}  // namespace varve::repo
