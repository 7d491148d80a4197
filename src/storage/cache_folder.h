#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/storage.h"

namespace varve::storage {

/// What is kept near of one far repository, laid out as restic's cache: BASE/<repository
/// id>/{index,snapshots,data}/xx/<id>. Shared by any number of processes, restic's among them: a file comes under its
/// name at once and whole, and may go at any time. Its bytes are never believed: get() gives those only that have the
/// hash which is their name. Failures to keep something are not errors; a cache that cannot be written to just stays
/// empty. Thread-safe.
class CacheFolder {
 public:
  /// Makes what is missing. kUnsupported if a newer program keeps it in another way.
  static Result<std::shared_ptr<CacheFolder>> open(const std::string& base, const Id& repository);

  /// Whether such files are kept at all: index, snapshots and packs.
  static bool keeps(FileType type);

  /// As Storage::get; nothing if it is not there or damaged, in which case it goes.
  std::optional<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length);
  void put(const Handle& handle, Payload payload);
  void remove(const Handle& handle);
  /// The names that are kept.
  std::vector<Id> list(FileType type) const;

  /// A file that comes in pieces, and is kept if what came has the hash that is its name.
  class Filling {
   public:
    ~Filling();
    Filling(Filling&& other) noexcept;
    Filling& operator=(Filling&&) = delete;
    bool is_open() const;  ///< else nothing can be kept
    /// False: it cannot be kept, and more need not come.
    bool write(ByteView piece);
    bool keep();

   private:
    friend class CacheFolder;
    struct State;
    explicit Filling(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  Filling fill(const Handle& handle);

  /// Lets go of packs that nobody has used for so long: no listing says that they are gone, so that one which is cut
  /// short empties nothing.
  void drop_unused(std::chrono::seconds age);

 private:
  explicit CacheFolder(std::string root) : root_(std::move(root)) {}
  std::string folder_of(const Handle& handle) const;
  std::string path_of(const Handle& handle) const;
  bool is_good(const Handle& handle, const std::string& path);
  void drop_temporary();

  const std::string root_;
  std::mutex mutex_;
  std::set<Handle> verified_;  ///< by this process
};

/// One repository's folder in the cache, for people.
struct CachedRepository {
  std::string name;  ///< the repository's id
  std::chrono::system_clock::time_point used;
  uint64_t bytes = 0;
};
/// The repositories that have a folder there; none if there is no cache.
Result<std::vector<CachedRepository>> cached_repositories(const std::string& base);
/// Removes one with all in it.
Status remove_cached(const std::string& base, const std::string& name);

}  // namespace varve::storage
