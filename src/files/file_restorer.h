#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "files/restore_metadata.h"
#include "files/restorer.h"
#include "files/target.h"
#include "repo/index.h"

namespace varve::files {

/// Puts regular files in place, some ten thousand at a time: looks at what is there, reads all the blobs that are
/// missing in the order of their packs, each once, and writes them wherever they belong, on several threads. A file
/// gets the snapshot's time when its content has reached the disk and not before: after a power cut none may look like
/// a good one that is not. add and flush are called by one thread.
class FileRestorer {
 public:
  FileRestorer(repo::Repository& repository, Target& target, MetadataRestorer& metadata, const RestoreOptions& options,
               RestoreLog& log)
      : repository_(repository), target_(target), metadata_(metadata), options_(options), log_(log) {}

  /// `number`: counts the files of the restore. Writes what has gathered when that is enough.
  Status add(FolderPtr folder, repo::Node node, size_t number, const Cancel& cancel);
  /// Writes what has gathered.
  Status flush(const Cancel& cancel);

  /// Whether content was written and is all there, as far as the disk says.
  bool written(size_t number) const { return number < written_.size() && written_[number]; }
  /// Whether it misses content.
  bool failed(size_t number) const { return number < failed_.size() && failed_[number]; }

 private:
  struct File {
    File(FolderPtr its_folder, repo::Node its_node, size_t its_number)
        : folder(std::move(its_folder)), node(std::move(its_node)), number(its_number) {}

    FolderPtr folder;
    repo::Node node;
    size_t number;
    std::vector<uint32_t> lengths{};  ///< of its blobs, plain
    std::vector<bool> present{};      ///< which of them the file that is there has already; empty: none
    uint64_t size = 0;                ///< the sum of the lengths: what it says itself may be wrong
    bool in_place = false;            ///< the file that is there is kept and changed
    bool unchanged = false;           ///< not even that
    bool durable = false;             ///< it has the snapshot's time, so its content is on disk
    std::pair<dev_t, ino_t> identity{};
    std::atomic<uint32_t> missing = 0;
    std::atomic<bool> lost = false;        ///< it has not all of its content
    std::atomic<bool> unwritable = false;  ///< and cannot have more
    bool opened_before = false;
    std::mutex mutex{};  ///< of the opening
    std::shared_ptr<const Fd> fd{};
  };
  struct Use {
    uint32_t blob, file;
    uint64_t offset;
  };
  /// Every blob that is missing, once, and where each belongs: the uses of blob i begin at first_use[i].
  struct Plan {
    std::vector<repo::Index::PackedBlob> blobs;
    std::vector<Use> uses;
    std::vector<size_t> first_use;
  };

  static std::string path_of(const File& file);
  Status prepare(File& file, const Cancel& cancel);
  Status measure(File& file) const;
  Result<bool> is_kept(const File& file, const struct stat& info) const;
  Status compare(File& file, const Fd& folder, const struct stat& info, const Cancel& cancel) const;
  void leave_unchanged(File& file, const struct stat& info);
  Status begin(File& file, const Cancel& cancel);
  Plan make_plan();
  Status write(const Plan& plan, const Cancel& cancel);
  Status write_blobs(const Plan& plan, const Cancel& cancel);
  Status write_blob(File& file, ByteView bytes, uint64_t offset, const Cancel& cancel);
  Result<std::shared_ptr<const Fd>> open(File& file, const Cancel& cancel);
  Result<Fd> reopen(const File& file, const Fd& folder) const;
  Result<Fd> create(const File& file, const Fd& folder, const Cancel& cancel) const;
  void keep_open(File& file);
  Status finish(File& file);
  void await_disk(File& file);
  bool many_are_ready();
  bool many_wait() const;
  Status settle_meanwhile(const Cancel& cancel);
  Status settle(unsigned threads, const Cancel& cancel);
  Status complete(const File& file);
  Status give_metadata(const File& file, const Fd& folder);
  Status lose(File& file, const Error& error);
  Status report(const File& file, const Error& error);

  repo::Repository& repository_;
  Target& target_;
  MetadataRestorer& metadata_;
  const RestoreOptions& options_;
  RestoreLog& log_;

  std::deque<File> files_;
  size_t blobs_ = 0;  ///< in `files_`
  std::mutex mutex_;  ///< of what follows
  std::list<File*> open_;
  std::vector<File*> unsettled_;  ///< their content is written and perhaps not on disk yet
  uint64_t unsettled_bytes_ = 0;
  bool all_written_ = false;
  std::condition_variable_any changed_;  ///< there are many unsettled ones, or all is written
  std::vector<bool> written_, failed_;
};

}  // namespace varve::files
