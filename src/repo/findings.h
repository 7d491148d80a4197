#pragma once

#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "repo/check.h"
#include "repo/index.h"

namespace varve::repo {

/// Collects what a check finds, and which places of blobs are bad because of it, so that whoever walks the snapshots
/// later can say what is affected. Thread-safe.
class Findings {
 public:
  using Number = size_t;

  Number error(std::string what, std::string advice = {});
  Number hint(std::string what, std::string advice = {});
  /// One hint for many things of a kind: "3 packs are ...: a, b, c".
  void hint_list(std::string_view what, const std::vector<Id>& ids, std::string advice);
  /// One error for all blobs of a type that no index knows, however many.
  Number missing(BlobType type, const Id& blob);

  /// Nothing of the pack can be read, or nothing from `end` on, or not the blob at `offset`.
  void mark_pack(const Id& pack, Number because, uint64_t end = 0);
  void mark_place(const Id& pack, uint32_t offset, Number because);
  /// The finding that makes a blob unreadable; nothing if one of its places is good, or there is none.
  std::optional<Number> spoilt_by(const std::vector<BlobLocation>& places) const;
  bool anything_marked() const;
  bool anything_missing() const;

  /// What lies there depends on what was found; a finding names a few such places only, and counts the others.
  void affects(Number finding, Affected place);
  bool names_enough(Number finding) const;
  void affects_more(Number finding);
  /// Snapshots that depend on it.
  void affects(Number finding, std::vector<Id> snapshots);

  std::vector<Finding> take();

 private:
  struct Cut {
    Number because;
    uint64_t end;
  };
  struct Missing {
    std::optional<Number> finding;
    std::unordered_set<Id> blobs;
    Id first;
  };
  Number add_locked(Finding::Severity severity, std::string what, std::string advice);
  std::optional<Number> spoilt_place_locked(const BlobLocation& at) const;

  mutable std::mutex mutex_;
  std::vector<Finding> findings_;
  Missing missing_[2];  ///< by type
  std::unordered_map<Id, Cut> packs_;
  std::map<std::pair<Id, uint32_t>, Number> places_;
};

}  // namespace varve::repo
