#pragma once

#include <atomic>
#include <unordered_set>

#include "repo/blob_reader.h"
#include "repo/findings.h"
#include "repo/walk_trees.h"
#include "storage/storage.h"

namespace varve::repo {

/// One run of check. The steps are called in the order in which they stand here: each uses what those before it found.
class Checker {
 public:
  Checker(Repository& repository, const Cancel& cancel)
      : repository_(repository), cancel_(cancel), blobs_(repository.storage(), repository.key()) {}

  Status check_keys_and_locks();
  /// Reads the index files one by one.
  Status check_index();
  /// Compares packs as they are with what the index says of them.
  Status check_packs();
  /// Reads all packs: hash, header, every blob.
  Status read_packs(const CheckProgress& progress);
  /// Every snapshot, every tree once, and whether every blob of every file can be had.
  Status check_snapshots();

  CheckResult result();

 private:
  struct PackInfo {
    uint64_t size = 0;     ///< as the index implies
    Id digest;             ///< of the entries
    bool present = false;  ///< of any size
    uint64_t real_size = 0;
    bool read = false;
  };
  struct Place {
    Id tree;
    std::string path;
    size_t snapshot = 0;
  };

  void note_pack(IndexedPack pack, const Id& index_file);
  void note_file(const storage::FileInfo& file);

  Status read_pack(IndexedPack& pack, uint64_t size, const Cancel& cancel);

  Status walk(const Cancel& cancel);
  void judge_tree(const Place& place, const Result<Bytes>& json, std::vector<Place>& stack);
  void judge_file(const Node& node, const std::string& path);
  std::string full_path(const Place& place, std::string_view name) const;

  Repository& repository_;
  const Cancel& cancel_;
  BlobReader blobs_;
  Index index_;
  Findings findings_;
  CheckResult result_;

  std::vector<storage::FileInfo> index_files_;
  std::unordered_map<Id, PackInfo> packs_;
  std::vector<Id> mixed_, unindexed_, repeated_;
  std::vector<Snapshot> snapshots_;
  std::unordered_set<Id> seen_trees_;
  std::atomic<uint64_t> bytes_read_ = 0;
  std::atomic<unsigned> unavailable_ = 0;
};

}  // namespace varve::repo
