#include "job/export.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include <fmt/format.h>

#include "base/task_group.h"
#include "bson/view.h"
#include "dump/directory.h"

namespace varve::job {

namespace {

constexpr unsigned kWorkers = 2;

struct FileToWrite {
  std::string path;  // below the folder
  repo::Node node;
};

uint64_t count_documents(ByteView documents) {
  uint64_t count = 0;
  while (const auto size = bson::check_framing(documents)) {
    documents = documents.subspan(*size);
    ++count;
  }
  return count;
}

class Export {
 public:
  Export(const BackupReader& backup, Reporter& reporter) : backup_(backup), reporter_(reporter) {}

  Result<ExportResult> run(const std::string& out, const Cancel& cancel) {
    TRY_ASSIGN(const auto dump, backup_.node("dump", cancel));
    TRY(collect(dump, "", cancel));
    std::ranges::stable_sort(files_, std::greater{}, [](const auto& file) { return file.node.size; });
    TRY_ASSIGN(auto folder, dump::Directory::create(out));
    TaskGroup group(cancel);
    for (unsigned i = 0; i < kWorkers; ++i) {
      group.spawn([&](const Cancel& stop) -> Status {
        for (size_t index; (index = next_++) < files_.size();) TRY(write(folder, files_[index], stop));
        return {};
      });
    }
    TRY(group.wait());
    result_.losses = backup_.losses(cancel);
    TRY(cancel.check());
    if (oplog_entries_ != backup_.manifest().oplog_entries) {
      result_.losses.push_back(fmt::format("the oplog of the backup's window has {} entries, not {}",
                                           oplog_entries_.load(), backup_.manifest().oplog_entries));
    }
    for (const auto& reason : backup_.manifest().needs_varve) {
      result_.remarks.push_back("mongorestore --oplogReplay will not reach the backup's moment: " + reason);
    }
    return std::move(result_);
  }

 private:
  Status collect(const repo::Node& folder, const std::string& prefix, const Cancel& cancel) {
    if (!folder.subtree) return {};
    TRY_ASSIGN(const auto nodes, backup_.repository().load_tree(*folder.subtree, cancel));
    for (const auto& node : nodes) {
      const auto path = prefix + node.name;
      if (node.type == repo::NodeType::kDir) {
        TRY(collect(node, path + "/", cancel));
      } else if (node.type == repo::NodeType::kFile) {
        total_ += node.size;
        result_.holds_credentials |= path == "admin/system.users.bson" && node.size > 0;
        files_.push_back({path, node});
      }
    }
    return {};
  }

  Status write(dump::Directory& folder, const FileToWrite& file, const Cancel& cancel) {
    auto opened = [&] {
      std::lock_guard lock(mutex_);
      return folder.file(file.path);
    }();
    TRY(opened);
    for (const auto& id : file.node.content) {
      TRY(cancel.check());
      TRY_ASSIGN(const auto blob, backup_.repository().load_blob(repo::BlobType::kData, id, cancel));
      TRY(opened->write(blob));
      if (file.path == "oplog.bson") oplog_entries_ += count_documents(blob);
      report(file.path, blob.size());
    }
    TRY(opened->commit());
    std::lock_guard lock(mutex_);
    ++result_.files;
    return {};
  }

  void report(const std::string& path, uint64_t bytes) {
    std::lock_guard lock(mutex_);
    result_.bytes += bytes;
    reporter_.progress({.action = "export",
                        .item = path,
                        .bytes = result_.bytes,
                        .bytes_total = total_,
                        .items = result_.files,
                        .items_total = files_.size()});
  }

  const BackupReader& backup_;
  Reporter& reporter_;
  std::vector<FileToWrite> files_;
  uint64_t total_ = 0;
  std::atomic<size_t> next_{0};
  std::atomic<uint64_t> oplog_entries_{0};
  std::mutex mutex_;  // guards result_ and the folder
  ExportResult result_;
};

}  // namespace

Result<ExportResult> export_dump(const BackupReader& backup, const std::string& out, Reporter& reporter,
                                 const Cancel& cancel) {
  return Export(backup, reporter).run(out, cancel);
}

}  // namespace varve::job
