#include <atomic>
#include <mutex>
#include <optional>

#include "dump/names.h"
#include "dump/writer.h"

namespace varve::dump {

const bson::Namespace kOplog{"", "oplog"};

namespace {

class FileStream final : public DumpWriter::Stream {
 public:
  FileStream(Directory::File file, bool gzip, std::atomic<uint64_t>& files) : file_(std::move(file)), files_(files) {
    if (gzip) gzip_.emplace([this](ByteView bytes) { return file_.write(bytes); });
  }

  Status write(ByteView documents) override { return gzip_ ? gzip_->write(documents) : file_.write(documents); }

  Status finish() override {
    if (gzip_) TRY(gzip_->finish());
    TRY(file_.commit());
    ++files_;
    return {};
  }

 private:
  Directory::File file_;
  std::optional<GzipWriter> gzip_;
  std::atomic<uint64_t>& files_;
};

class FolderWriter final : public DumpWriter {
 public:
  FolderWriter(Directory folder, bool gzip) : folder_(std::move(folder)), gzip_(gzip) {}

  bool takes_several_streams() const override { return true; }
  uint64_t files() const override { return files_; }
  Status finish() override { return folder_.publish(); }
  std::vector<bson::Namespace> misread() const override { return misread_; }

  Status begin(const Contents& contents) override {
    TRY(write_text("prelude.json", contents.prelude));
    for (const auto& collection : contents.collections) {
      if (collection.metadata.empty()) continue;
      TRY(check_database(collection.ns.db));
      if (is_misread(collection.ns.collection, collection.type == "timeseries")) misread_.push_back(collection.ns);
      TRY(write_text(path_of(collection.ns) + ".metadata.json", collection.metadata));
    }
    return {};
  }

  /// The oplog's file keeps its name when it is compressed: mongodump's does.
  Result<std::unique_ptr<Stream>> open(const bson::Namespace& ns) override {
    if (ns == kOplog) return open_file("oplog.bson");
    TRY(check_database(ns.db));
    return open_file(path_of(ns) + ".bson" + suffix());
  }

 private:
  static std::string path_of(const bson::Namespace& ns) { return ns.db + "/" + escape_collection(ns.collection); }
  std::string suffix() const { return gzip_ ? ".gz" : ""; }

  Status write_text(const std::string& path, std::string_view text) {
    if (text.empty()) return {};
    TRY_ASSIGN(const auto stream, open_file(path + suffix()));
    TRY(stream->write(as_bytes(text)));
    return stream->finish();
  }

  Result<std::unique_ptr<Stream>> open_file(const std::string& path) {
    std::lock_guard lock(mutex_);
    TRY_ASSIGN(auto file, folder_.file(path));
    return std::make_unique<FileStream>(std::move(file), gzip_, files_);
  }

  std::mutex mutex_;  // guards the folder
  Directory folder_;
  const bool gzip_;
  std::vector<bson::Namespace> misread_;
  std::atomic<uint64_t> files_{0};
};

}  // namespace

std::unique_ptr<DumpWriter> folder_writer(Directory folder, bool gzip) {
  return std::make_unique<FolderWriter>(std::move(folder), gzip);
}

}  // namespace varve::dump
