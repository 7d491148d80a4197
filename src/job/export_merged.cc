#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/task_group.h"
#include "dump/directory.h"
#include "dump/metadata.h"
#include "job/export.h"
#include "job/layout.h"

namespace varve::job {

namespace {

constexpr unsigned kWorkers = 2;
constexpr size_t kBuffer = 1u << 20;

/// A path as the folder that is written knows it.
std::string below_dump(std::string path) {
  return path.substr(std::string_view("dump/").size());
}

class MergedExport {
 public:
  MergedExport(const BackupReader& backup, const MergeOptions& merge, Reporter& reporter)
      : backup_(backup), merge_(merge), reporter_(reporter) {}

  Result<ExportResult> run(const std::string& out, const Cancel& cancel) {
    TRY_ASSIGN(moment_, BackupMoment::open(backup_, {}, merge_, cancel));
    result_.losses = moment_->missing();
    TRY_ASSIGN(auto folder, dump::Directory::create(out));
    TRY(write_all(folder, cancel));
    TRY(write_text(folder, below_dump(std::string(kOplogFile)), ""));
    TRY(write_text(folder, below_dump(std::string(kPreludeFile)),
                   dump::prelude_json(backup_.manifest().server_version, backup_.manifest().varve_version)));
    return std::move(result_);
  }

 private:
  /// Largest first.
  Status write_all(dump::Directory& folder, const Cancel& cancel) {
    std::vector<size_t> order(moment_->collections().size());
    for (size_t i = 0; i < order.size(); ++i) {
      order[i] = i;
      total_ += entry(i).as_read.bytes;
    }
    std::ranges::stable_sort(order, std::greater{}, [this](size_t i) { return entry(i).as_read.bytes; });
    std::atomic<size_t> next{0};
    TaskGroup group(cancel);
    for (unsigned i = 0; i < kWorkers; ++i) {
      group.spawn([&](const Cancel& stop) -> Status {
        for (size_t n; (n = next++) < order.size();) TRY(write_one(folder, order[n], stop));
        return {};
      });
    }
    return group.wait();
  }

  Status write_one(dump::Directory& folder, size_t index, const Cancel& cancel) {
    if (entry(index).type == "collection") TRY(write_documents(folder, index, cancel));
    // The buckets of a time-series are described by the metadata of the collection that users see.
    if (entry(index).ns != bson::logical(entry(index).ns)) return {};
    return write_text(folder, below_dump(metadata_file(entry(index).ns)), metadata_of(entry(index)));
  }

  Status write_documents(dump::Directory& folder, size_t index, const Cancel& cancel) {
    const auto& ns = entry(index).ns;
    TRY_ASSIGN(auto file, open(folder, below_dump(data_file(ns))));
    TRY_ASSIGN(const auto reading, CollectionReading::open(*moment_, index, cancel));
    Bytes buffer;
    const auto flush = [&]() -> Status {
      TRY(file.write(buffer));
      report(ns.text(), buffer.size());
      buffer.clear();
      return {};
    };
    const auto visit = [&](ByteView document) -> Status {
      append(buffer, document);
      return buffer.size() < kBuffer ? Status{} : flush();
    };
    TRY(read_collection(*reading, visit, cancel));
    TRY(flush());
    TRY(file.commit());
    std::lock_guard lock(mutex_);
    ++result_.files;
    if (is_of_the_server(ns)) result_.holds_credentials |= reading->digest().documents > 0;
    return {};
  }

  Status write_text(dump::Directory& folder, const std::string& path, std::string_view text) {
    TRY_ASSIGN(auto file, open(folder, path));
    TRY(file.write(as_bytes(text)));
    TRY(file.commit());
    std::lock_guard lock(mutex_);
    ++result_.files;
    result_.bytes += text.size();
    return {};
  }

  Result<dump::Directory::File> open(dump::Directory& folder, const std::string& path) {
    std::lock_guard lock(mutex_);
    return folder.file(path);
  }

  void report(const std::string& item, uint64_t bytes) {
    std::lock_guard lock(mutex_);
    result_.bytes += bytes;
    reporter_.progress(
        {.action = "export", .item = item, .bytes = result_.bytes, .bytes_total = total_, .items = result_.files});
  }

  const collection::CollectionEntry& entry(size_t index) const { return moment_->collections()[index].entry; }

  static std::string metadata_of(const collection::CollectionEntry& entry) {
    return dump::metadata_json(entry.options, entry.indexes, entry.type == "collection" ? entry.uuid : "",
                               entry.ns.collection, entry.type);
  }

  const BackupReader& backup_;
  const MergeOptions& merge_;
  Reporter& reporter_;
  std::unique_ptr<BackupMoment> moment_;
  uint64_t total_ = 0;
  std::mutex mutex_;  // guards result_ and the folder
  ExportResult result_;
};

}  // namespace

Result<ExportResult> export_merged(const BackupReader& backup, const std::string& out, const MergeOptions& merge,
                                   Reporter& reporter, const Cancel& cancel) {
  return MergedExport(backup, merge, reporter).run(out, cancel);
}

}  // namespace varve::job
