#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/result.h"

namespace varve::storage {

/// The kinds of file in a restic repository; each has its folder.
enum class FileType : uint8_t { kConfig, kKey, kLock, kSnapshot, kIndex, kPack };

/// Names one file. `config` has the null id; every other file is named by the SHA-256 of its bytes.
struct Handle {
  FileType type = FileType::kConfig;
  Id id{};
  bool trees = false;  ///< no part of the name: a pack of trees, which are read again and again

  std::strong_ordering operator<=>(const Handle& other) const {
    return std::tie(type, id) <=> std::tie(other.type, other.id);
  }
  bool operator==(const Handle& other) const { return std::tie(type, id) == std::tie(other.type, other.id); }
  /// "data/6a/6a3f…", for messages.
  std::string path() const;
};

struct FileInfo {
  Id id;
  uint64_t size = 0;
};

/// Bytes to be stored, in pieces that are written one after the other, so that nothing is copied together for it. The
/// pieces must outlive the call. Rewindable by construction: a retry just begins again.
using Payload = std::span<const ByteView>;
uint64_t payload_size(Payload payload);

/// How a place likes to be asked.
struct Pace {
  unsigned connections = 2;  ///< how many calls at once make sense
  uint64_t read = 2u << 20;  ///< bytes to ask for with one get, where there is a choice: what a core's cache holds
  bool is_far = false;       ///< each call waits for a network

  /// Where each call waits for a network: as much at once as a pack has, but over all connections no more than 64 MiB.
  static constexpr Pace far(unsigned connections) {
    return {connections, std::clamp<uint64_t>((64u << 20) / std::max(1u, connections), 2u << 20, 16u << 20), true};
  }
};

/// Where a repository lives. Files are written once and never changed. Thread-safe; every call may wait and obeys its
/// Cancel.
///
/// Guarantees of every implementation, proven by testing/conformance.h:
/// - put is durable and atomic: when it has succeeded the file survives a crash; before that it is absent, never
/// partial.
/// - a file put is at once found by get, stat and list.
/// - errors: kNotFound where the file is missing, kExists where put finds it there, kNoSpace, kDenied, kUnavailable
///   (trying again may help), kCorrupt where get finds that the bytes are lost (a bad sector): other files can be read.
class Storage {
 public:
  virtual ~Storage() = default;

  /// Makes the place ready for a new repository. kExists if there is a config already.
  virtual Status create(const Cancel& cancel) = 0;
  virtual Status put(const Handle& handle, Payload payload, const Cancel& cancel) = 0;
  /// `length` bytes from `offset`; length 0 means to the end. kCorrupt if the file is shorter than asked for.
  virtual Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) = 0;
  virtual Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) = 0;
  /// Calls `visit` for every file of the type, in no order; names that are no ids are passed over. Stops at the first
  /// error that `visit` gives, and returns it. An error, never an empty list, where the place itself is not there.
  virtual Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) = 0;
  /// kNotFound if it is not there.
  virtual Status remove(const Handle& handle, const Cancel& cancel) = 0;
  /// Removes several; what is not there counts as removed. What became of each, in their order.
  virtual std::vector<Status> remove_some(std::span<const Handle> handles, const Cancel& cancel);
  /// How many of them make sense; more than one only where the store has a request for that. See remove_all.h.
  virtual size_t removes_at_once() const { return 1; }
  /// Whether the store has kept something that it was to remove, as an older version that takes up space.
  virtual bool keeps_removed() const { return false; }

  /// Whether `list` gives a file that `stat` finds: always, but in a store that keeps its listings apart from its files
  /// and ended between the two. Putting it again lists it then.
  virtual Result<bool> is_listed(const Handle&, const Cancel&) { return true; }

  /// How the place is named to the user, without secrets.
  virtual std::string location() const = 0;
  virtual Pace pace() const { return {}; }
  unsigned connections() const { return pace().connections; }
};

/// Whether what a put would store is there already, as after one whose answer was lost: of the same size where the name
/// is the hash of the content, and in its listing; of the same bytes otherwise.
Result<bool> is_stored(Storage& storage, const Handle& handle, Payload payload, const Cancel& cancel);

}  // namespace varve::storage
