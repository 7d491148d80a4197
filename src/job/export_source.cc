#include "job/export_source.h"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "bson/view.h"
#include "dump/metadata.h"
#include "job/layout.h"
#include "repo/repository.h"

namespace varve::job {

namespace {

uint64_t count_documents(ByteView documents) {
  uint64_t count = 0;
  while (const auto size = bson::check_framing(documents)) {
    documents = documents.subspan(*size);
    ++count;
  }
  return count;
}

/// What the backup knew when it was made.
std::vector<std::string> never_held(const collection::Manifest& manifest) {
  std::vector<std::string> losses;
  if (manifest.consistency == "inconsistent") {
    losses.emplace_back(
        "the backup is of a standalone server that was, or may have been, written to while it was read");
  }
  for (const auto& skipped : manifest.skipped) {
    if (skipped.counts) losses.push_back(skipped.what + ": " + skipped.reason);
  }
  return losses;
}

bool is_shown(const collection::CollectionEntry& entry) {
  return entry.ns == bson::logical(entry.ns);
}

class AsRead final : public ExportSource {
 public:
  AsRead(const BackupReader& backup, uint64_t oplog_bytes) : backup_(backup), oplog_bytes_(oplog_bytes) {
    for (const auto& entry : backup.manifest().collections) {
      const auto* file = entry.type == "collection" ? backup.data_file(entry.ns) : nullptr;
      if (file == nullptr) continue;
      items_.push_back({entry.ns, file->size});
      files_.push_back(file);
    }
  }

  Result<dump::Contents> contents(const Cancel& cancel) const override {
    dump::Contents contents{"", backup_.manifest().server_version, backup_.manifest().varve_version, {}};
    if (const auto prelude = backup_.node(kPreludeFile, cancel)) {
      TRY_ASSIGN(contents.prelude, text_of(*prelude, cancel));
    }
    for (const auto& entry : backup_.manifest().collections) {
      const auto* file = is_shown(entry) ? backup_.metadata_file(entry.ns) : nullptr;
      if (file == nullptr) continue;
      TRY_ASSIGN(auto metadata, text_of(*file, cancel));
      contents.collections.push_back({entry.ns, entry.type, std::move(metadata)});
    }
    return contents;
  }

  const std::vector<Item>& items() const override { return items_; }

  Status read(size_t item, const Visit& visit, const Cancel& cancel) const override {
    return each_blob(*files_[item], visit, cancel);
  }

  uint64_t oplog_bytes() const override { return oplog_bytes_; }

  Room room() const override {
    uint64_t bytes = oplog_bytes_;
    for (const auto& item : items_) bytes += item.bytes;
    return {bytes, bytes};
  }

  Status read_oplog(const Visit& visit, const Cancel& cancel) const override {
    TRY_ASSIGN(const auto file, backup_.node(kOplogFile, cancel));
    const auto counted = [&](ByteView entries) -> Status {
      oplog_entries_ += count_documents(entries);
      return visit(entries);
    };
    return each_blob(file, counted, cancel);
  }

  std::vector<std::string> losses(const Cancel& cancel) const override {
    auto losses = never_held(backup_.manifest());
    for (const auto& reason : backup_.manifest().needs_varve) {
      losses.push_back("mongorestore --oplogReplay will not reach the backup's moment, --merged is at it: " + reason);
    }
    for (auto& loss : backup_.losses(cancel)) losses.push_back(std::move(loss));
    if (oplog_entries_ != backup_.manifest().oplog_entries) {
      losses.push_back(fmt::format("the oplog of the backup's window has {} entries, not {}", oplog_entries_.load(),
                                   backup_.manifest().oplog_entries));
    }
    return losses;
  }

 private:
  Result<std::string> text_of(const repo::Node& file, const Cancel& cancel) const {
    TRY_ASSIGN(const auto bytes, repo::read_file(backup_.repository(), file, cancel));
    return std::string(as_text(bytes));
  }

  Status each_blob(const repo::Node& file, const Visit& visit, const Cancel& cancel) const {
    for (const auto& id : file.content) {
      TRY(cancel.check());
      TRY_ASSIGN(const auto blob, backup_.repository().load_blob(repo::BlobType::kData, id, cancel));
      TRY(visit(blob));
    }
    return {};
  }

  const BackupReader& backup_;
  const uint64_t oplog_bytes_;
  std::vector<Item> items_;
  std::vector<const repo::Node*> files_;  // of the items
  mutable std::atomic<uint64_t> oplog_entries_{0};
};

class AsMerged final : public ExportSource {
 public:
  AsMerged(std::unique_ptr<BackupMoment> moment, uint64_t window_bytes)
      : moment_(std::move(moment)), window_bytes_(window_bytes) {
    for (size_t i = 0; i < moment_->collections().size(); ++i) {
      if (entry(i).type != "collection") continue;
      items_.push_back({entry(i).ns, entry(i).as_read.bytes});
      indexes_.push_back(i);
    }
  }

  Result<dump::Contents> contents(const Cancel&) const override {
    const auto& manifest = moment_->backup().manifest();
    dump::Contents contents{dump::prelude_json(manifest.server_version, manifest.varve_version),
                            manifest.server_version,
                            manifest.varve_version,
                            {}};
    for (size_t i = 0; i < moment_->collections().size(); ++i) {
      const auto& shown = entry(i);
      if (!is_shown(shown)) continue;  // the buckets are described by the time-series that users see
      contents.collections.push_back(
          {shown.ns, shown.type,
           dump::metadata_json(shown.options, shown.indexes, shown.type == "collection" ? shown.uuid : "",
                               shown.ns.collection, shown.type)});
    }
    return contents;
  }

  const std::vector<Item>& items() const override { return items_; }

  Status read(size_t item, const Visit& visit, const Cancel& cancel) const override {
    constexpr size_t kBuffer = 1u << 20;
    TRY_ASSIGN(const auto reading, CollectionReading::open(*moment_, indexes_[item], cancel));
    Bytes buffer;
    const auto gather = [&](ByteView document) -> Status {
      append(buffer, document);
      if (buffer.size() < kBuffer) return {};
      auto status = visit(buffer);
      buffer.clear();
      return status;
    };
    TRY(read_collection(*reading, gather, cancel));
    return visit(buffer);
  }

  uint64_t oplog_bytes() const override { return 0; }

  /// The window's operations have added no more than they hold themselves, and may all be deletes of documents of usual
  /// size.
  Room room() const override {
    constexpr uint64_t kSmallestDelete = 64;
    Room room{0, window_bytes_};
    for (const size_t index : indexes_) {
      const auto& base = entry(index).as_read;
      const uint64_t deleted = moment_->collections()[index].untouched ? 0 : window_bytes_ / kSmallestDelete;
      room.most += base.bytes;
      if (deleted < base.documents) room.least += base.bytes / base.documents * (base.documents - deleted);
    }
    return room;
  }

  Status read_oplog(const Visit&, const Cancel&) const override { return {}; }

  std::vector<std::string> losses(const Cancel&) const override {
    auto losses = never_held(moment_->backup().manifest());
    for (const auto& missing : moment_->missing()) losses.push_back(missing);
    return losses;
  }

 private:
  const collection::CollectionEntry& entry(size_t index) const { return moment_->collections()[index].entry; }

  std::unique_ptr<BackupMoment> moment_;
  const uint64_t window_bytes_;  // of the operations that are merged in
  std::vector<Item> items_;
  std::vector<size_t> indexes_;  // of the items, in the moment's collections
};

}  // namespace

Result<std::unique_ptr<ExportSource>> as_read(const BackupReader& backup, const Cancel& cancel) {
  const auto oplog = backup.node(kOplogFile, cancel);
  return std::make_unique<AsRead>(backup, oplog ? oplog->size : 0);
}

Result<std::unique_ptr<ExportSource>> as_merged(const BackupReader& backup, const MergeOptions& merge,
                                                const Cancel& cancel) {
  TRY_ASSIGN(auto moment, BackupMoment::open(backup, {}, merge, cancel));
  const auto oplog = backup.node(kOplogFile, cancel);
  const uint64_t window = oplog ? oplog->size : 0;
  return std::make_unique<AsMerged>(std::move(moment), window + (merge.later ? merge.later->bytes : 0));
}

}  // namespace varve::job
