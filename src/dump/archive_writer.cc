#include <algorithm>
#include <optional>
#include <set>

#include <lzma.h>

#include "bson/document.h"
#include "dump/archive_format.h"
#include "dump/writer.h"

namespace varve::dump {

namespace {

// mongo-tools, common/archive.
constexpr size_t kMaxDocument = 16u << 20;
constexpr std::string_view kVersion = "0.1";

class ArchiveWriter final : public DumpWriter {
 public:
  ArchiveWriter(Sink sink, bool gzip) : sink_(std::move(sink)) {
    if (gzip) gzip_.emplace(sink_);
  }

  bool takes_several_streams() const override { return false; }
  uint64_t files() const override { return 1; }

  Status begin(const Contents& contents) override {
    Bytes prelude;
    append_le(prelude, kArchiveMagic);
    bson::Builder header;
    header.add("concurrent_collections", int32_t{1}).add("version", kVersion);
    header.add("server_version", contents.server_version).add("tool_version", contents.tool_version);
    append(prelude, header.finish().bytes());
    for (const auto& collection : contents.collections) {
      describe(collection.ns, collection.type, collection.metadata, prelude);
      // A reader waits for the end of each; a time-series' own is that of its buckets.
      awaited_.insert(collection.type != "timeseries" ? collection.ns : bson::buckets_of(collection.ns));
    }
    describe(kOplog, "", "", prelude);
    append_le(prelude, kArchiveTerminator);
    return put(prelude);
  }

  Result<std::unique_ptr<Stream>> open(const bson::Namespace& ns) override {
    if (ns == kOplog) TRY(end_the_awaited());
    awaited_.erase(ns);
    return std::make_unique<BlockStream>(*this, ns);
  }

  Status finish() override {
    TRY(end_the_awaited());
    return gzip_ ? gzip_->finish() : Status{};
  }

 private:
  /// A block of documents and the block that says that there are no more, with the checksum of all.
  class BlockStream final : public Stream {
   public:
    BlockStream(ArchiveWriter& archive, bson::Namespace ns) : archive_(archive), ns_(std::move(ns)) {}

    Status write(ByteView documents) override {
      if (documents.empty()) return {};
      TRY(check(documents));
      TRY(begin());
      crc_ = ::lzma_crc64(documents.data(), documents.size(), crc_);
      return archive_.put(documents);
    }

    Status finish() override {
      TRY(begin());
      TRY(archive_.put_terminator());
      TRY(archive_.put_header(ns_, true, crc_));
      return archive_.put_terminator();
    }

   private:
    Status begin() {
      if (begun_) return {};
      begun_ = true;
      return archive_.put_header(ns_, false, 0);
    }

    Status check(ByteView documents) const {
      while (!documents.empty()) {
        const auto size = bson::check_framing(documents);
        if (!size) return fail(ErrorKind::kCorrupt, ns_.text() + ": what is to be archived is not whole documents");
        if (*size > kMaxDocument) {
          return fail(Error(ErrorKind::kUnsupported, (ns_ == kOplog ? "the oplog" : ns_.text()) +
                                                         " holds a document of more than 16 MiB, which no reader of "
                                                         "archives takes")
                          .hint("--out writes a folder, which may hold it"));
        }
        documents = documents.subspan(*size);
      }
      return {};
    }

    ArchiveWriter& archive_;
    const bson::Namespace ns_;
    uint64_t crc_ = 0;
    bool begun_ = false;
  };

  static void describe(const bson::Namespace& ns, std::string_view type, std::string_view metadata, Bytes& prelude) {
    bson::Builder description;
    description.add("db", ns.db).add("collection", ns.collection).add("metadata", metadata);
    description.add("size", int32_t{0}).add("type", type);
    append(prelude, description.finish().bytes());
  }

  Status put(ByteView bytes) { return gzip_ ? gzip_->write(bytes) : sink_(bytes); }

  Status put_terminator() {
    Bytes terminator;
    append_le(terminator, kArchiveTerminator);
    return put(terminator);
  }

  Status put_header(const bson::Namespace& ns, bool end, uint64_t crc) {
    bson::Builder header;
    header.add("db", ns.db).add("collection", ns.collection).add("EOF", end).add("CRC", static_cast<int64_t>(crc));
    return put(header.finish().bytes());
  }

  /// Views, and whatever else was described and has no documents.
  Status end_the_awaited() {
    for (const auto& ns : std::exchange(awaited_, {})) TRY(BlockStream(*this, ns).finish());
    return {};
  }

  Sink sink_;
  std::optional<GzipWriter> gzip_;
  std::set<bson::Namespace> awaited_;
};

}  // namespace

std::unique_ptr<DumpWriter> archive_writer(Sink sink, bool gzip) {
  return std::make_unique<ArchiveWriter>(std::move(sink), gzip);
}

}  // namespace varve::dump
