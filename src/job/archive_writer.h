#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "collection/slice.h"
#include "repo/lock.h"
#include "repo/writer.h"

namespace varve::job {

/// Who archives, as each slice tells it.
struct ArchiverIdentity {
  std::string run;  ///< a UUID, new with each start
  std::string host;
  uint64_t process = 0;
};

/// Adds slices to a source's oplog archive: for each a snapshot, which takes the place of the one before. Between two
/// of them no lock is held, and nothing of the repository's index is kept: what is written is never looked for there,
/// since whoever pruned meanwhile may have taken it away. One thread.
class ArchiveWriter {
 public:
  struct Options {
    std::string source;
    std::string set_folder;
    ArchiverIdentity identity;
    std::string program_version;
    repo::WriterOptions writer{};
  };

  /// Reads where the archive ends; loads the index for that, and forgets it. Takes a lock meanwhile. kInvalidInput if
  /// the archive is of another replica set's name.
  static Result<ArchiveWriter> open(repo::Repository& repository, Options options, const Cancel& cancel,
                                    const Clock& clock = system_clock());

  /// The newest slice that is stored; nothing in a new archive.
  const std::optional<collection::SliceInfo>& last() const { return known_.last; }
  /// When that was.
  Time last_stored() const { return known_.newest ? known_.newest->time : Time{}; }

  /// Stores a slice: `entries` are framed, the first one is what `info.span.after` says. Takes a lock and lets it go.
  /// kLocked if somebody else excludes us. kUnavailable if the archive ends elsewhere than when it was last looked at,
  /// since others wrote to it or took it away: last() tells where, and the next slice must begin there. kInconsistent
  /// if another archiver is at work all the time, and this one has to yield. Nothing is lost by an error.
  Status append(std::span<const ByteView> entries, const collection::SliceInfo& info, const Cancel& cancel);

  /// Joins the slices of an hour in which nothing more will be stored to few: one for each kJoinedSlice bytes. Takes a
  /// lock, and loads the index meanwhile. Errors as append's, and kUnsupported if the repository has so many index
  /// files that reading them would take longer than an hour's slices are worth; nothing is lost by one.
  Status join_hour(bson::Timestamp in, const Cancel& cancel);
  static constexpr uint64_t kJoinedSlice = 32u << 20;
  static constexpr uint64_t kMostIndexFiles = 20'000;

  /// Whether the snapshots that were to go could not be removed: on append-only storage they all stay.
  bool keeps_all() const { return keeps_all_; }
  /// Why the lock of the last slice is still there; nothing if it is not.
  const std::optional<Error>& lock_left() const { return lock_left_; }

 private:
  using Folders = std::map<Id, std::vector<repo::Node>>;
  struct Replaced {
    Id id;
    Time time;
  };
  /// The archive as it was when it was looked at, or written to, last.
  struct Known {
    std::vector<Id> files;  ///< of all snapshots, sorted
    std::optional<repo::Snapshot> newest;
    std::optional<collection::SliceInfo> last;
    Folders folders;                 ///< those on the way to the newest slice
    std::vector<Replaced> replaced;  ///< those before the newest one, whose slices it has, oldest first
  };
  /// What is put into a folder: beside what is there, or in its place.
  struct Content {
    std::vector<repo::Node> files;
    bool replaces = false;
  };
  struct Joined;

  ArchiveWriter(repo::Repository& repository, Options options, const Clock& clock)
      : repository_(&repository), options_(std::move(options)), clock_(&clock) {}

  Result<Known> look(const Cancel& cancel) const;
  Status look_along_path(Known& known, const Cancel& cancel) const;
  Status look_at_others(const Cancel& cancel);
  Status yield_to(const std::optional<std::string>& other);
  Result<Id> put(const std::optional<Id>& tree, std::span<const std::string> path, Content content, Time now,
                 repo::Writer& writer, const Cancel& cancel);
  Result<Id> store(std::span<const ByteView> entries, const collection::SliceInfo& info, Time now,
                   const Cancel& cancel);
  Status save(const Id& root, Time now, const Cancel& cancel);
  Status refuse_many_index_files(const Cancel& cancel) const;
  Status join(bson::Timestamp in, const Cancel& cancel);
  Result<std::vector<repo::Node>> joined(std::vector<repo::Node> hour, Time now, repo::Writer& writer,
                                         const Cancel& cancel);
  void drop_older(const Cancel& cancel);
  std::vector<std::string> path_of(bson::Timestamp last) const;
  bool is_ours(const repo::Snapshot& snapshot) const;
  Time next_time() const;

  repo::Repository* repository_;
  Options options_;
  const Clock* clock_;
  Known known_;
  bool look_again_ = false;   ///< whatever the listing says
  Folders next_;              ///< those of a snapshot that is being made
  unsigned met_another_ = 0;  ///< grows with each meeting, and falls with each slice without one
  bool keeps_all_ = false;
  Time try_again_{};  ///< to remove something, where that was not allowed
  std::optional<Error> lock_left_;
};

}  // namespace varve::job
