#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "files/problem.h"

namespace varve::files {

enum class RestoreAction : uint8_t {
  kRestored,   ///< made anew
  kUpdated,    ///< was there with other content
  kUnchanged,  ///< left as it was
  kDeleted,
};

/// What a restore has done so far, counted as restic counts: folders and special files are "files" too.
struct RestoreCounts {
  uint64_t files_total = 0, files_restored = 0, files_skipped = 0, files_deleted = 0;
  uint64_t bytes_total = 0, bytes_restored = 0, bytes_skipped = 0;
  uint64_t errors = 0;
  uint64_t without_owner = 0, without_attributes = 0, sockets = 0;
};

/// Is told what a restore does while it does it. Thread-safe.
class RestoreListener {
 public:
  virtual ~RestoreListener() = default;
  /// `path` is that in the snapshot.
  virtual void item(RestoreAction action, const std::string& path, uint64_t size) = 0;
  /// Something could not be restored; the rest goes on.
  virtual void problem(const std::string& path, const Error& error) = 0;
  virtual void progress(const RestoreCounts& counts, const std::string& path) = 0;
  virtual void warning(const std::string& sentence) = 0;
};

/// Counts, and passes on. Thread-safe.
class RestoreLog {
 public:
  explicit RestoreLog(RestoreListener& listener) : listener_(listener) {}

  /// One more will be restored.
  void expect(uint64_t size);
  /// Bytes of the file are in place, written or found there.
  void bytes(const std::string& path, uint64_t count);
  void done(RestoreAction action, const std::string& path, uint64_t size);
  /// It is not touched, or only its metadata.
  void skipped(const std::string& path, uint64_t size);
  void deleted(const std::string& path);
  void problem(const std::string& path, const Error& error);
  void without_owner(const std::string& path);
  void without_attributes(const std::string& path);
  void socket();

  RestoreCounts counts() const;
  /// The first thousand.
  std::vector<Problem> problems() const;
  /// What could not be kept and is no error, in a sentence for each kind.
  void summarise() const;

 private:
  RestoreListener& listener_;
  mutable std::mutex mutex_;
  RestoreCounts counts_;
  std::vector<Problem> problems_;
  std::string first_without_owner_, first_without_attributes_;
};

}  // namespace varve::files
