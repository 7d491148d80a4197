#pragma once

#include <atomic>
#include <mutex>
#include <unordered_set>

#include "repo/blob_reader.h"
#include "repo/findings.h"
#include "repo/shared_reader.h"
#include "repo/snapshot_files.h"
#include "repo/tree_numbers.h"
#include "repo/walk_trees.h"
#include "storage/read_ahead.h"

namespace varve::repo {

/// One run of check. The steps are called in the order in which they stand here: each uses what those before it found.
class Checker {
 public:
  Checker(Repository& repository, const CheckOptions& options, const Cancel& cancel)
      : repository_(repository),
        options_(options),
        cancel_(cancel),
        reader_(repository.storage(), kMaxCores),
        blobs_(repository.storage(), repository.key()),
        ahead_(repository.storage()),
        trees_ahead_(ahead_, repository.key()) {}

  Status check_keys_and_locks();
  /// Before the index, which then has all that they need, even if others save more meanwhile.
  Status load_snapshots();
  /// Reads the index files one by one.
  Status check_index(const CheckProgress& progress);
  /// Compares packs as they are with what the index says of them.
  Status check_packs();
  /// Reads the packs that are to be read: hash, header, every blob.
  Status read_packs(const CheckProgress& progress);
  /// Every tree once, and whether every blob of every file can be had.
  Status check_trees(const CheckProgress& progress);

  CheckResult result();

 private:
  static constexpr unsigned kMaxCores = 16;  ///< that read packs

  struct PackInfo {
    uint64_t size = 0;     ///< as the index implies
    Id digest;             ///< of the entries
    bool present = false;  ///< of any size
    bool chosen = false;   ///< is to be read, and was not yet
    uint64_t real_size = 0;
  };
  using TreeNumber = TreeNumbers::Number;
  /// A tree, and the first snapshot that it was met in.
  struct Place {
    Id tree;
    TreeNumber number = 0;
    uint32_t snapshot = 0;
  };
  /// The nodes are empty where the JSON could not be had.
  using JudgeTree =
      std::function<void(const Place&, const Result<Bytes>& json, const Result<std::vector<Node>>& nodes)>;

  void note_pack(IndexedPack pack, const Id& index_file);
  void note_file(const storage::FileInfo& file);
  Status judge_size(const storage::FileInfo& file);
  Findings::Number broken_pack(const Id& pack, std::string what);
  Findings::Number wrong_index(std::string what);

  Status choose_packs();
  Status list_packs_of_snapshots(std::unordered_set<Id>& packs);
  Status read_pack(IndexedPack& pack, uint64_t size, const Cancel& cancel);
  Status read_chosen(std::vector<IndexedPack>& packs, const CheckProgress& progress, uint64_t total);

  Status walk(const JudgeTree& judge, const CheckProgress& progress);
  std::vector<Place> roots();
  void push_folders(const std::vector<Node>& nodes, const Place& place, std::vector<Place>& stack);
  void judge_tree(const Place& place, const Result<Bytes>& json, const Result<std::vector<Node>>& nodes);
  Findings::Number judge_lost_tree(const Id& tree, const Error& why);
  void judge_file(const Node& node, const Place& place);
  void affects(Findings::Number finding, const Place& place, std::string_view name);
  void name_snapshots();

  Repository& repository_;
  const CheckOptions& options_;
  const Cancel& cancel_;
  SharedReader reader_;
  BlobReader blobs_;
  storage::ReadAhead ahead_;
  BlobReader trees_ahead_;  ///< for the walk, which asks for trees one by one
  Index index_;
  Findings findings_;
  CheckResult result_;

  std::vector<storage::FileInfo> index_files_;
  std::unordered_map<Id, PackInfo> packs_;
  std::vector<storage::FileInfo> wrong_size_;
  std::vector<Id> mixed_, unindexed_, repeated_;
  std::vector<Snapshot> snapshots_;

  // Of the walk: trees by number, who holds whom, and which tree is touched by what was found.
  TreeNumbers trees_;
  std::vector<std::pair<TreeNumber, TreeNumber>> holders_;  ///< tree, the tree that holds it
  std::vector<std::pair<Findings::Number, TreeNumber>> touched_;

  std::mutex mutex_;  ///< over result_ while packs are read
  std::atomic<uint64_t> packs_read_ = 0, bytes_read_ = 0;
  std::atomic<unsigned> unavailable_ = 0;
};

}  // namespace varve::repo
