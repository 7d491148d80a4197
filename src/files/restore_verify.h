#pragma once

#include <atomic>
#include <string>

#include "base/channel.h"
#include "base/task_group.h"
#include "files/restore_log.h"
#include "files/target.h"
#include "repo/repository.h"

namespace varve::files {

/// Reads restored files back, on several threads, and compares them with what the snapshot says. What differs is a
/// problem of the log. add and finish are called by one thread.
class FileVerifier {
 public:
  FileVerifier(repo::Repository& repository, Target& target, RestoreLog& log, const Cancel& cancel);

  struct File {
    FolderPtr folder;
    repo::Node node;
    std::string path;
  };
  Status add(File file);
  /// Waits for all; how many were right.
  Result<uint64_t> finish();

 private:
  Status verify(const File& file, const Cancel& cancel);

  repo::Repository& repository_;
  Target& target_;
  RestoreLog& log_;
  std::atomic<uint64_t> right_ = 0;
  Channel<File> files_{16};
  TaskGroup group_;
};

}  // namespace varve::files
