#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <lzma.h>

#include "bson/document.h"
#include "dump/archive_format.h"
#include "dump/gunzip.h"
#include "dump/reader.h"

namespace varve::dump {

namespace {

/// What all descriptions together may take: a hundred thousand collections need less than half of it.
constexpr uint64_t kMostDescribed = 256u << 20;
/// What is made of a description takes so much, however short it is.
constexpr uint64_t kLeastDescribed = 1u << 10;
/// Namespaces that need no description: the oplog, users and roles.
constexpr size_t kMostUndescribed = 16;

class ArchiveReader final : public DumpReader {
 public:
  ArchiveReader(ReadInto source, uint64_t bytes_total, std::string shown, std::shared_ptr<const uint64_t> bytes_read)
      : input_(std::move(source)),
        bytes_total_(bytes_total),
        shown_(std::move(shown)),
        bytes_read_(std::move(bytes_read)) {}

  Status open() { return in_archive(read_prelude()); }
  const Contents& contents() const override { return contents_; }
  uint64_t bytes_total() const override { return bytes_total_; }
  uint64_t bytes_read() const override { return *bytes_read_; }

  /// Nothing can be passed over: the checksums cover everything.
  Status read(const std::function<bool(const bson::Namespace&)>& wanted, const Visitor& visitor) override {
    while (true) {
      TRY_ASSIGN(const auto header, in_archive(next_header()));
      if (!header) break;
      TRY_ASSIGN(const auto ns, in_archive(begin_block(*header)));
      const bool pass = !wanted(ns);
      while (true) {
        TRY_ASSIGN(const auto documents, in_archive(next_documents(input_, kArchiveTerminator)));
        if (documents.empty()) break;
        TRY(in_archive(count(ns, documents)));
        if (!pass) TRY(visitor.documents(ns, documents));
        input_.take(documents.size());
      }
      TRY(in_archive(end_block(ns)));
      if (streams_[ns].ended && !pass) TRY(visitor.end(ns));
    }
    return in_archive(check_complete());
  }

 private:
  struct Stream {
    uint64_t crc = 0;
    bool ended = false;
  };

  template <typename T>
  tl::expected<T, Error> in_archive(tl::expected<T, Error> result) const {
    if (result || is_stop(result.error())) return result;
    return fail(Error(result.error()).within(shown_));
  }

  tl::unexpected<Error> damage(const std::string& what) const {
    return fail(ErrorKind::kCorrupt, fmt::format("at byte {}: {}", input_.offset(), what));
  }

  Result<bool> take_terminator() {
    TRY_ASSIGN(const auto bytes, input_.peek(sizeof kArchiveTerminator));
    if (bytes.size() < sizeof kArchiveTerminator) return damage("it ends too early");
    if (load_le<uint32_t>(bytes.data()) != kArchiveTerminator) return false;
    input_.take(sizeof kArchiveTerminator);
    return true;
  }

  Result<bson::Document> take_document() {
    TRY_ASSIGN(const auto bytes, next_document(input_, kArchiveTerminator));
    if (bytes.empty()) return damage("the archive ends, or a block does, where it cannot");
    bson::Document document(bytes);
    input_.take(bytes.size());
    return document;
  }

  Status read_prelude() {
    TRY_ASSIGN(const auto head, input_.peek(sizeof kArchiveMagic));
    if (head.size() < sizeof kArchiveMagic || load_le<uint32_t>(head.data()) != kArchiveMagic) {
      return fail(Error(ErrorKind::kInvalidInput, head.empty() ? "it is empty" : "it is no archive of mongodump's")
                      .hint("mongodump --archive makes archives; a folder or a .bson file is given without --archive"));
    }
    input_.take(sizeof kArchiveMagic);
    TRY_ASSIGN(const auto header, take_document());
    const auto text = [&](const char* key) { return std::string(header.view().string(key).value_or("")); };
    if (text("version") != "0.1") {
      return fail(ErrorKind::kUnsupported,
                  "its format is " + text("version") + ", which this version of varve does not know");
    }
    contents_.server_version = text("server_version");
    contents_.tool_version = text("tool_version");
    uint64_t described = 0;
    for (;;) {
      TRY_ASSIGN(const bool last, take_terminator());
      if (last) return {};
      TRY_ASSIGN(const auto description, take_document());
      TRY(describe(description));
      described += std::max<uint64_t>(description.bytes().size(), kLeastDescribed);
      if (described > kMostDescribed) {
        return fail(ErrorKind::kUnsupported, "it describes more than 256 MiB of collections");
      }
    }
  }

  Status describe(bson::View description) {
    const auto db = description.string("db"), collection = description.string("collection");
    if (!db || !collection) return damage("a collection is described without its name");
    const bson::Namespace ns{std::string(*db), std::string(*collection)};
    if (!described_.insert(ns).second) return damage(ns.text() + " is described twice");
    if (ns == kOplog) return {};
    contents_.collections.push_back({ns, std::string(description.string("type").value_or("")),
                                     std::string(description.string("metadata").value_or(""))});
    return {};
  }

  /// None at the end of the archive.
  Result<std::optional<bson::Document>> next_header() {
    TRY_ASSIGN(const auto bytes, input_.peek(1));
    if (bytes.empty()) return std::nullopt;
    TRY_ASSIGN(auto header, take_document());
    return std::optional(std::move(header));
  }

  Result<bson::Namespace> begin_block(const bson::Document& header) {
    const auto view = header.view();
    const auto db = view.string("db"), collection = view.string("collection");
    const auto eof = view.find("EOF");
    if (!db || !collection || !eof || !eof->as_bool()) return damage("a block has no header before it");
    bson::Namespace ns{std::string(*db), std::string(*collection)};
    if (!is_known(ns)) return damage("data of " + ns.text() + ", which the archive does not describe");
    if (streams_.size() > described_.size() + kMostUndescribed) return damage("data of too many namespaces");
    auto& stream = streams_[ns];
    if (stream.ended) return damage("data of " + ns.text() + " after its end");
    ending_ = *eof->as_bool();
    if (ending_ && view.int64("CRC") != static_cast<int64_t>(stream.crc)) {
      return damage("the documents of " + ns.text() + " are not those that the archive's checksum was made of");
    }
    return ns;
  }

  /// The oplog and what mongodump --dumpDbUsersAndRoles adds need no description.
  bool is_known(const bson::Namespace& ns) const {
    return ns == kOplog || described_.contains(ns) || described_.contains(bson::logical(ns)) ||
           ns.collection.starts_with("$admin.system.");
  }

  Status count(const bson::Namespace& ns, ByteView documents) {
    if (ending_) return damage("documents of " + ns.text() + " in the block that ends them");
    auto& crc = streams_[ns].crc;
    crc = ::lzma_crc64(documents.data(), documents.size(), crc);
    return {};
  }

  Status end_block(const bson::Namespace& ns) {
    TRY_ASSIGN(const bool there, take_terminator());
    if (!there) return damage("a block does not end");
    streams_[ns].ended = ending_;
    return {};
  }

  Status check_complete() const {
    const auto ended = [&](const bson::Namespace& ns) {
      const auto found = streams_.find(ns);
      return found != streams_.end() && found->second.ended;
    };
    for (const auto& [ns, stream] : streams_) {
      if (!stream.ended) return damage("the archive ends before " + name(ns) + " does");
    }
    for (const auto& ns : described_) {
      // A time-series' documents are those of its buckets, on servers before 8.3.
      if (!ended(ns) && !ended(bson::buckets_of(ns))) return damage("the archive ends before " + name(ns) + " came");
    }
    return {};
  }

  static std::string name(const bson::Namespace& ns) { return ns == kOplog ? "the oplog" : ns.text(); }

  LookAhead input_;
  const uint64_t bytes_total_;
  const std::string shown_;
  const std::shared_ptr<const uint64_t> bytes_read_;
  Contents contents_;
  std::set<bson::Namespace> described_;
  std::map<bson::Namespace, Stream> streams_;
  bool ending_ = false;  // the current block is the last of its namespace
};

}  // namespace

Result<std::unique_ptr<DumpReader>> open_archive(ReadInto source, uint64_t bytes_total, const std::string& shown,
                                                 const ReadDumpOptions& options) {
  const auto bytes_read = std::make_shared<uint64_t>(0);
  const auto counted = [source = std::move(source), bytes_read](std::span<uint8_t> into) -> Result<size_t> {
    TRY_ASSIGN(const auto got, source(into));
    *bytes_read += got;
    return got;
  };
  auto input = plain(counted);
  if (!input) return fail(std::move(input.error()).within(shown));
  if (options.expect_gzip && !input->gzip) return fail(not_compressed(shown));
  auto reader = std::make_unique<ArchiveReader>(std::move(input->read), bytes_total, shown, bytes_read);
  TRY(reader->open());
  return reader;
}

Error not_compressed(const std::string& shown) {
  return Error(ErrorKind::kInvalidInput, "--gzip was given, but " + shown + " is not compressed")
      .hint("leave --gzip out: what is compressed is recognised without it")
      .hint("if it should be compressed, it may be another file than you think");
}

}  // namespace varve::dump
