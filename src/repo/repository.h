#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/result.h"
#include "codec/rabin.h"
#include "codec/seal.h"
#include "repo/snapshot.h"
#include "repo/snapshot_filter.h"
#include "repo/tree.h"
#include "storage/storage.h"

namespace varve::repo {

enum class BlobType : uint8_t { kData, kTree };

/// The repository's config file.
struct Config {
  unsigned version = 2;
  Id id;
  codec::Polynomial polynomial = 0;
};

/// How dear a new key is to derive. Tests take a cheap one.
struct KeyCost {
  uint64_t n = 32768, r = 8, p = 5;
};

/// Where a blob lies.
struct BlobLocation {
  Id pack;
  uint32_t offset = 0;
  uint32_t length = 0;        ///< sealed bytes in the pack
  uint32_t plain_length = 0;  ///< 0 if it is stored uncompressed

  bool operator==(const BlobLocation&) const = default;
};

class Index;

/// An open restic repository (format 1 or 2 to read, 2 to write). Thread-safe after load_index.
class Repository {
 public:
  /// Makes a new one. kExists if there is one already. `polynomial`: taken over from another repository, or drawn. An
  /// empty password is none: that it is meant is asked for by whoever calls.
  static Result<std::unique_ptr<Repository>> init(std::shared_ptr<storage::Storage> storage, std::string_view password,
                                                  std::optional<codec::Polynomial> polynomial, const KeyCost& cost,
                                                  const Cancel& cancel);
  /// kNoRepository, kWrongPassword, kUnsupported (a newer version), kCorrupt. `key_hint`: see with_master_key.
  /// `sealed_config`: what load_sealed_config gave, if that was asked already.
  static Result<std::unique_ptr<Repository>> open(std::shared_ptr<storage::Storage> storage, std::string_view password,
                                                  const Cancel& cancel, std::string_view key_hint = {},
                                                  std::optional<Bytes> sealed_config = {});
  ~Repository();

  const Config& config() const;
  /// Puts and removes nothing but locks while a lock of this program is still settling: it waits, and fails if the lock
  /// is not had.
  storage::Storage& storage();
  const codec::SealKey& key() const;
  /// The key file that it was opened with.
  const Id& key_id() const;

  /// Reads every index file. Before it, only snapshots and locks can be used. Again to see what others added. Whoever
  /// uses snapshots lists them first: a backup that others end meanwhile is indexed before its snapshot is there.
  Status load_index(const Cancel& cancel);
  Index& index();
  const Index& index() const;

  /// All snapshots, oldest first. One that cannot be read is an error that names it.
  Result<std::vector<Snapshot>> snapshots(const Cancel& cancel);
  /// `name` is an id, an unambiguous prefix of one, or "latest" (the newest that the filter takes). kNotFound or
  /// kInvalidInput, with what there is instead.
  Result<Snapshot> find_snapshot(std::string_view name, const SnapshotFilter& filter, const Cancel& cancel);
  /// Stores it; its blobs must be durable and indexed. Confirms the locks first. Gives its id.
  Result<Id> save_snapshot(const Snapshot& snapshot, const Cancel& cancel);

  /// A blob's plain bytes, decrypted, decompressed and hashed: wrong bytes are never returned. Every place that holds
  /// the blob is tried. kCorrupt if no index knows it, or, naming the packs, if none of them is good.
  Result<Bytes> load_blob(BlobType type, const Id& id, const Cancel& cancel);
  Result<std::vector<Node>> load_tree(const Id& id, const Cancel& cancel);

  /// Unpacked files (index, snapshot, lock): sealed JSON, compressed in format 2. Decoding undoes all three and checks
  /// the name.
  Result<Id> save_file(storage::FileType type, std::string_view json, const Cancel& cancel);
  Result<std::string> load_file(storage::FileType type, const Id& id, const Cancel& cancel);

  /// Makes sure that every lock which this program holds on the repository is still there and fresh: to be called right
  /// before anything is removed. kLocked if one was lost; fine where none is held.
  Status confirm_locks(const Cancel& cancel);
  /// For locks: how one is asked, from when its file is there until it is let go.
  struct LockQuestions {
    std::function<Status(const Cancel&)> settled;  ///< whether it was had; may wait
    std::function<Status(const Cancel&)> confirm;  ///< whether it is held still
  };
  void add_lock(const void* lock, LockQuestions questions);
  void drop_lock(const void* lock);

 private:
  Repository();
  struct State;
  std::unique_ptr<State> state_;
};

/// The node at `path` ("dump/shop/orders.bson") below `tree`. kNotFound if there is none; a folder on the way that
/// cannot be read is kCorrupt, as nobody knows what is in it.
Result<Node> find_node(Repository& repository, const Id& tree, std::string_view path, const Cancel& cancel);

/// The whole content of a (small) file node; kCorrupt if it would pass `limit` bytes.
Result<Bytes> read_file(Repository& repository, const Node& node, const Cancel& cancel, size_t limit = 1u << 30);

}  // namespace varve::repo
