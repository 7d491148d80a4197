#include "repo/snapshot.h"

#include <gtest/gtest.h>

namespace varve::repo {
namespace {

Id id_of(uint8_t byte) {
  Id id;
  id.bytes.fill(byte);
  return id;
}

const std::string kOnes = id_of(0x11).hex();
const std::string kTwos = id_of(0x22).hex();

TEST(Snapshot, IsWrittenAsGoWritesIt) {
  Snapshot snapshot;
  snapshot.time = *parse_rfc3339("2026-11-21T10:15:02.5Z");
  snapshot.tree = id_of(0x11);
  EXPECT_EQ(encode_snapshot(snapshot), R"({"time":"2026-11-21T10:15:02.5Z","tree":")" + kOnes + R"(","paths":[]})");

  snapshot.parent = id_of(0x22);
  snapshot.paths = {"/mongodb/shop", "/a<b>&\xe2\x80\xa8"};
  snapshot.hostname = "shop";
  snapshot.username = "root";
  snapshot.uid = 1000;
  snapshot.gid = 7;
  snapshot.excludes = {"*.tmp"};
  snapshot.tags = {"a", "b"};
  snapshot.original = id_of(0x11);
  snapshot.program_version = "varve 0.1.0";
  snapshot.summary.emplace();
  snapshot.summary->backup_start = snapshot.summary->backup_end = snapshot.time;
  snapshot.summary->data_added_packed = 9;
  EXPECT_EQ(encode_snapshot(snapshot),
            R"({"time":"2026-11-21T10:15:02.5Z","parent":")" + kTwos + R"(","tree":")" + kOnes +
                R"(","paths":["/mongodb/shop","/a\u003cb\u003e\u0026\u2028"],"hostname":"shop","username":"root",)"
                R"("uid":1000,"gid":7,"excludes":["*.tmp"],"tags":["a","b"],"original":")" +
                kOnes +
                R"(","program_version":"varve 0.1.0","summary":{"backup_start":"2026-11-21T10:15:02.5Z",)"
                R"("backup_end":"2026-11-21T10:15:02.5Z","files_new":0,"files_changed":0,"files_unmodified":0,)"
                R"("dirs_new":0,"dirs_changed":0,"dirs_unmodified":0,"data_blobs":0,"tree_blobs":0,"data_added":0,)"
                R"("data_added_packed":9,"total_files_processed":0,"total_bytes_processed":0}})");
}

TEST(Snapshot, ReadsBackWhatItWrote) {
  const std::string json = R"({"time":"2026-11-21T12:15:02.123456789+02:00","parent":")" + kTwos + R"(","tree":")" +
                           kOnes +
                           R"(","paths":["/x"],"hostname":"h","username":"u","uid":1,"gid":2,"tags":["oplog"],)"
                           R"("summary":{"backup_start":"2026-11-21T10:15:02Z","backup_end":"2026-11-21T10:15:03Z",)"
                           R"("files_new":1,"files_changed":2,"files_unmodified":3,"dirs_new":4,"dirs_changed":5,)"
                           R"("dirs_unmodified":6,"data_blobs":7,"tree_blobs":8,"data_added":9,"data_added_packed":10,)"
                           R"("total_files_processed":11,"total_bytes_processed":12}})";
  const auto snapshot = decode_snapshot(json, id_of(0x33));
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(snapshot->id, id_of(0x33));
  EXPECT_EQ(snapshot->time, *parse_rfc3339("2026-11-21T10:15:02.123456789Z"));
  EXPECT_TRUE(snapshot->has_tag("oplog"));
  EXPECT_FALSE(snapshot->has_tag("op"));
  EXPECT_EQ(snapshot->summary->total_bytes_processed, 12u);
  EXPECT_EQ(encode_snapshot(*snapshot), json);
}

TEST(Snapshot, IsReadLeniently) {
  const auto snapshot = decode_snapshot(R"( {"paths":null,"parent":null,"new":{"x":[1]},"summary":null,"tags":null,
      "tree":")" + kOnes + R"(","time":"2026-11-21T10:15:02Z"} )",
                                        Id{});
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_FALSE(snapshot->parent || snapshot->summary || snapshot->original);
}

TEST(Snapshot, WithoutTreeOrTimeIsRefused) {
  for (const std::string& json :
       {std::string("{}"), R"({"time":"2026-11-21T10:15:02Z"})" + std::string(), R"({"tree":")" + kOnes + "\"}",
        R"({"time":"2026-11-21T10:15:02","tree":")" + kOnes + "\"}",
        R"({"time":"2026-11-21T10:15:02Z","tree":")" + std::string(64, '0') + "\"}"}) {
    const auto snapshot = decode_snapshot(json, id_of(0x33));
    ASSERT_FALSE(snapshot) << json;
    EXPECT_EQ(snapshot.error().kind(), ErrorKind::kCorrupt);
    EXPECT_NE(snapshot.error().message().find("33333333"), std::string::npos);
  }
}

}  // namespace
}  // namespace varve::repo
