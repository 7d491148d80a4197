#include <fstream>
#include <iterator>
#include <map>

#include <gtest/gtest.h>

#include "bson/document.h"
#include "dump/archive_format.h"
#include "dump/reader.h"

namespace varve::dump {
namespace {

using bson::Namespace;

/// A few bytes at a time, so that everything is met in the middle once.
ReadInto in_pieces(const std::string& bytes, size_t piece) {
  return [bytes, piece, at = size_t{0}](std::span<uint8_t> into) mutable -> Result<size_t> {
    const size_t size = std::min({into.size(), bytes.size() - at, piece});
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, into.begin());
    at += size;
    return size;
  };
}

std::string sample(const std::string& name) {
  std::ifstream in(VARVE_TEST_CORPUS "/archive/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Found {
  std::map<Namespace, size_t> documents;
  std::vector<std::string> ended;
  std::string error;
};

Found read(const std::string& bytes, size_t piece = 1000) {
  Found found;
  const auto archive = open_archive(in_pieces(bytes, piece), 0, "x.archive", {});
  if (!archive) return {{}, {}, archive.error().message()};
  DumpReader::Visitor visitor;
  visitor.documents = [&](const Namespace& ns, ByteView documents) -> Status {
    for (; !documents.empty(); documents = documents.subspan(*bson::check_framing(documents))) ++found.documents[ns];
    return {};
  };
  visitor.end = [&](const Namespace& ns) -> Status {
    found.ended.push_back(ns.text());
    return {};
  };
  const auto status = (*archive)->read([](const Namespace&) { return true; }, visitor);
  if (!status) found.error = status.error().message();
  return found;
}

TEST(Archive, GivesCollectionsThatTakeTurns) {
  for (const size_t piece : {1, 7, 1000}) {
    for (const auto* name : {"interleaved", "compressed"}) {
      const auto found = read(sample(name), piece);
      EXPECT_EQ(found.error, "");
      EXPECT_EQ(found.documents, (std::map<Namespace, size_t>{{{"db", "a"}, 4}, {{"db", "b"}, 1}}));
      EXPECT_EQ(found.ended, (std::vector<std::string>{"db.b", "db.a"}));
    }
  }
}

TEST(Archive, TellsWhatItDescribes) {
  const auto archive = open_archive(in_pieces(sample("interleaved"), 99), 0, "x.archive", {});
  ASSERT_TRUE(archive);
  const auto& contents = (*archive)->contents();
  EXPECT_EQ(contents.server_version, "6.0.5");
  EXPECT_EQ(contents.tool_version, "100.12.0");
  ASSERT_EQ(contents.collections.size(), 2u);
  EXPECT_EQ(contents.collections[0].metadata, R"({"indexes":[],"collectionName":"a","type":"collection"})");
}

TEST(Archive, NamesDamageAndWhere) {
  EXPECT_TRUE(read(sample("bad_crc")).error.starts_with("x.archive: at byte "));
  EXPECT_NE(read(sample("bad_crc")).error.find("the archive's checksum"), std::string::npos);
  EXPECT_NE(read(sample("unknown_namespace")).error.find("db.b, which the archive does not describe"),
            std::string::npos);
  EXPECT_NE(read(sample("not_ended")).error.find("the archive ends before db.c came"), std::string::npos);
  EXPECT_NE(read(sample("huge_length")).error.find("a document cannot have 2147483632 bytes"), std::string::npos);
  EXPECT_NE(read(sample("compressed_cut")).error.find("in the middle of what was compressed"), std::string::npos);
  EXPECT_NE(read(sample("two_terminators")).error, "");
  EXPECT_EQ(read("").error, "x.archive: it is empty");
  EXPECT_EQ(read("hello").error, "x.archive: it is no archive of mongodump's");
}

TEST(Archive, IsNeverTakenForWholeWhereItIsCutOff) {
  const auto whole = sample("interleaved");
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_NE(read(whole.substr(0, size)).error, "") << size;
}

TEST(Archive, IsNeverTakenForWholeWhereADocumentChanged) {
  auto bytes = sample("interleaved");
  const size_t at = bytes.find("a2");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'A';
  EXPECT_NE(read(bytes).error.find("checksum"), std::string::npos);
}

TEST(Archive, IsNotAtItsEndWhereAHeaderIsEmpty) {
  const std::string empty("\x05\0\0\0\0", 5);
  EXPECT_NE(read(sample("interleaved") + empty).error.find("a block has no header before it"), std::string::npos);
}

TEST(Archive, DescribesNoMoreThanMemoryHolds) {
  Bytes head;
  append_le(head, kArchiveMagic);
  append(head, bson::Builder().add("version", "0.1").finish().bytes());
  for (int i = 0; i < 300'000; ++i) {
    append(head, bson::Builder().add("db", "d").add("collection", std::to_string(i)).finish().bytes());
  }
  EXPECT_NE(read(std::string(as_text(head)), 1u << 20).error.find("more than 256 MiB of collections"),
            std::string::npos);
}

TEST(Archive, ComesBackFromTheWriter) {
  std::string bytes;
  const auto sink = [&](ByteView more) -> Status {
    bytes += as_text(more);
    return {};
  };
  const auto writer = archive_writer(sink, true);
  ASSERT_TRUE(writer->begin({"", "6.0.5", "varve", {{{"db", "c"}, "collection", "{}"}, {{"db", "v"}, "view", "{}"}}}));
  const auto document = bson::Builder().add("_id", int32_t{1}).finish();
  for (const auto& ns : {Namespace{"db", "c"}, kOplog}) {
    auto stream = writer->open(ns);
    ASSERT_TRUE(stream && (*stream)->write(document.bytes()) && (*stream)->finish());
  }
  ASSERT_TRUE(writer->finish());
  const auto found = read(bytes);
  EXPECT_EQ(found.error, "");
  EXPECT_EQ(found.documents, (std::map<Namespace, size_t>{{kOplog, 1}, {{"db", "c"}, 1}}));
}

TEST(Archive, SaysWhereGzipWasMeantAndIsNot) {
  const auto archive = open_archive(in_pieces(sample("interleaved"), 99), 0, "x.archive", {.expect_gzip = true});
  ASSERT_FALSE(archive);
  EXPECT_NE(archive.error().message().find("not compressed"), std::string::npos);
}

}  // namespace
}  // namespace varve::dump
