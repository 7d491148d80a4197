#include "maintenance/repair_index.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "base/parallel.h"
#include "maintenance/index_replacement.h"
#include "repo/pack.h"
#include "repo/unpacked.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {

namespace {

using repo::IndexedPack;
using repo::PackedBlob;
using storage::FileInfo;
using storage::FileType;

/// More than a file can have that ended with the pack that filled it.
constexpr size_t kOversized = repo::IndexWriter::kBlobs + repo::kMaxHeader / 37;

class IndexRepair {
 public:
  IndexRepair(repo::Repository& repository, const RepairIndexOptions& options, Reporter& reporter, const Cancel& cancel)
      : repository_(repository), options_(options), reporter_(reporter), cancel_(cancel), replacement_(repository) {}

  Result<RepairIndexResult> run() {
    TRY(read_index());
    TRY(compare_with_packs());
    TRY(read_headers());
    TRY(replace_files());
    TRY(replacement_.finish(cancel_));
    result_.files_written = replacement_.files_written();
    result_.files_removed = replacement_.files_removed();
    for (auto* list : {&result_.missing_packs, &result_.added_packs, &result_.corrected_packs, &result_.damaged_packs,
                       &result_.unusable_packs}) {
      std::sort(list->begin(), list->end());
    }
    return std::move(result_);
  }

 private:
  /// What the index says of a pack.
  struct Entry {
    Id digest;
    uint64_t size = 0;
    bool doubtful = false;  ///< it says several things, or one that cannot be
    Id file;                ///< the last that names it
  };
  struct File {
    Id id;
    size_t blobs = 0;
    std::vector<Id> packs;
    bool repeats = false;  ///< names a pack twice
  };

  Status read_index() {
    TRY_ASSIGN(const auto files, repo::list_files(repository_.storage(), FileType::kIndex, cancel_));
    for (const auto& file : files) {
      auto packs = read_index_file(repository_, file.id, cancel_);
      if (!packs && !repo::is_damage(packs.error())) return fail(packs.error());
      if (!packs) {
        result_.broken_files.push_back(file.id);
        continue;
      }
      File& known = files_.emplace_back(File{file.id, 0, {}, false});
      for (auto& pack : *packs) note(known, pack);
    }
    return {};
  }

  void note(File& file, IndexedPack& pack) {
    file.blobs += pack.blobs.size();
    file.packs.push_back(pack.pack);
    repo::sort_by_place(pack.blobs);
    const Id digest = repo::digest_of(pack.blobs);
    const auto [at, added] = entries_.try_emplace(pack.pack);
    Entry& entry = at->second;
    if (added) {
      entry = {digest, repo::pack_file_size(pack.blobs), pack.blobs.empty() || !repo::is_contiguous(pack.blobs), Id{}};
    } else if (entry.digest != digest) {
      entry.doubtful = true;
    }
    file.repeats = file.repeats || entry.file == file.id;
    entry.file = file.id;
  }

  /// Which packs are gone, and which headers must be read.
  Status compare_with_packs() {
    TRY_ASSIGN(const auto packs, repo::list_files(repository_.storage(), FileType::kPack, cancel_));
    std::unordered_set<Id> there;
    for (const auto& pack : packs) {
      there.insert(pack.id);
      const auto entry = entries_.find(pack.id);
      const bool agrees = entry != entries_.end() && !entry->second.doubtful && entry->second.size == pack.size;
      if (!agrees || options_.read_all_packs) to_read_.push_back(pack);
    }
    for (const auto& [pack, entry] : entries_) {
      if (!there.contains(pack)) result_.missing_packs.push_back(pack);
    }
    dropped_.insert(result_.missing_packs.begin(), result_.missing_packs.end());
    return {};
  }

  Status read_headers() {
    std::atomic<uint64_t> done = 0;
    const unsigned threads = std::max(1u, repository_.storage().connections());
    return parallel_for(to_read_.size(), threads, cancel_, [&](size_t i, const Cancel& inner) -> Status {
      auto blobs =
          repo::load_pack_header(repository_.storage(), repository_.key(), to_read_[i].id, to_read_[i].size, inner);
      if (!blobs && !repo::is_damage(blobs.error())) return fail(blobs.error());
      TRY(blobs ? take_header({to_read_[i].id, std::move(*blobs)}, inner) : do_without_header(to_read_[i].id));
      reporter_.progress({.action = "repair", .item = "packs", .items = ++done, .items_total = to_read_.size()});
      return {};
    });
  }

  Status take_header(IndexedPack pack, const Cancel& cancel) {
    const auto entry = entries_.find(pack.pack);
    const bool agrees =
        entry != entries_.end() && !entry->second.doubtful && entry->second.digest == repo::digest_of(pack.blobs);
    if (agrees || (entry == entries_.end() && pack.blobs.empty())) return {};
    {
      std::lock_guard lock(mutex_);
      (entry == entries_.end() ? result_.added_packs : result_.corrected_packs).push_back(pack.pack);
      dropped_.insert(pack.pack);
    }
    if (pack.blobs.empty()) return {};
    return replacement_.add(std::move(pack), cancel);
  }

  /// What the index says is all that can lead to the pack's blobs, so it stays; several entries become one.
  Status do_without_header(const Id& pack) {
    const auto entry = entries_.find(pack);
    std::lock_guard lock(mutex_);
    (entry == entries_.end() ? result_.unusable_packs : result_.damaged_packs).push_back(pack);
    if (entry != entries_.end() && entry->second.doubtful) joined_.try_emplace(pack);
    return {};
  }

  bool must_go(const File& file) const {
    const bool joins_small = small_files_ > 1 && file.blobs < repo::IndexWriter::kBlobs;
    return file.packs.empty() || file.repeats || joins_small || file.blobs > kOversized ||
           std::any_of(file.packs.begin(), file.packs.end(), [&](const Id& pack) {
             return dropped_.contains(pack) || joined_.contains(pack) || placed_.contains(pack);
           });
  }

  Status replace_files() {
    small_files_ = std::count_if(files_.begin(), files_.end(),
                                 [](const File& file) { return file.blobs < repo::IndexWriter::kBlobs; });
    // Large files first: what they already say need not be written again.
    std::stable_sort(files_.begin(), files_.end(), [](const File& a, const File& b) { return a.blobs > b.blobs; });
    std::vector<const File*> going;
    for (const File& file : files_) {
      if (must_go(file)) {
        going.push_back(&file);
      } else {
        placed_.insert(file.packs.begin(), file.packs.end());
      }
    }
    for (const File* file : going) {
      TRY(replacement_.rewrite(
          file->id, [&](const IndexedPack& pack) { return stays(pack); }, cancel_));
    }
    for (auto& [pack, blobs] : joined_) TRY(replacement_.add({pack, std::move(blobs)}, cancel_));
    for (const Id& file : result_.broken_files) replacement_.discard(file);
    return {};
  }

  bool stays(const IndexedPack& pack) {
    if (const auto joined = joined_.find(pack.pack); joined != joined_.end()) {
      join(pack.blobs, joined->second);
      return false;
    }
    return !pack.blobs.empty() && !dropped_.contains(pack.pack) && placed_.insert(pack.pack).second;
  }

  repo::Repository& repository_;
  const RepairIndexOptions& options_;
  Reporter& reporter_;
  const Cancel& cancel_;
  IndexReplacement replacement_;
  RepairIndexResult result_;
  std::vector<File> files_;
  std::unordered_map<Id, Entry> entries_;
  std::vector<FileInfo> to_read_;
  std::mutex mutex_;                ///< over result_, dropped_ and joined_ while headers are read
  std::unordered_set<Id> dropped_;  ///< what old files say of them is not written again
  std::unordered_set<Id> placed_;   ///< stand in a file that stays or was written
  std::unordered_map<Id, std::vector<PackedBlob>> joined_;
  ptrdiff_t small_files_ = 0;
};

}  // namespace

Result<RepairIndexResult> repair_index(repo::Repository& repository, const RepairIndexOptions& options,
                                       Reporter& reporter, const Cancel& cancel) {
  return IndexRepair(repository, options, reporter, cancel).run();
}

}  // namespace varve::maintenance
