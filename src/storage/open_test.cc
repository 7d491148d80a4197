#include "storage/storage.h"

#include <gtest/gtest.h>

#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

TEST(Handle, LiesWhereResticPutsIt) {
  Id id;
  id.bytes.fill(0x6a);
  const std::string hex = id.hex();
  EXPECT_EQ((Handle{FileType::kConfig, {}}).path(), "config");
  EXPECT_EQ((Handle{FileType::kKey, id}).path(), "keys/" + hex);
  EXPECT_EQ((Handle{FileType::kLock, id}).path(), "locks/" + hex);
  EXPECT_EQ((Handle{FileType::kSnapshot, id}).path(), "snapshots/" + hex);
  EXPECT_EQ((Handle{FileType::kIndex, id}).path(), "index/" + hex);
  EXPECT_EQ((Handle{FileType::kPack, id}).path(), "data/6a/" + hex);
}

TEST(Payload, IsAsLongAsItsPieces) {
  const ByteView pieces[] = {as_bytes("ab"), {}, as_bytes("cde")};
  EXPECT_EQ(payload_size(pieces), 5u);
  EXPECT_EQ(payload_size({}), 0u);
}

TEST(OpenStorage, TakesPathsAndMakesNothing) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/repo";
  for (const std::string& url : {path, "local:" + path, path + "//"}) {
    const auto storage = open_storage(url);
    ASSERT_TRUE(storage) << url;
    EXPECT_EQ((*storage)->location(), path);
    EXPECT_EQ((*storage)->get(testing::kConfig, 0, 0, Cancel()).error().kind(), ErrorKind::kNotFound);
  }
}

TEST(OpenStorage, TakesPathsThatLookStrange) {
  for (const char* path : {"/", "repo", "./s3:x", "/srv/a:b", "dir/a:b", "../x", "local:s3:x"}) {
    EXPECT_TRUE(open_storage(path)) << path;
  }
  EXPECT_EQ((*open_storage("/"))->location(), "/");
}

TEST(OpenStorage, RefusesWhatItDoesNotKnow) {
  for (const char* url : {"s3:s3.amazonaws.com/bucket", "swift:container:/path", "azure:c:/", "gs:bucket:/", "b2:x",
                          "rest:https://user:secret@host/", "sftp:user@host:/repo", "rclone:remote:path",
                          "https://host/", "s4:bucket", "", "local:"}) {
    const auto storage = open_storage(url);
    ASSERT_FALSE(storage) << url;
    EXPECT_EQ(storage.error().kind(), ErrorKind::kInvalidInput) << url;
    EXPECT_EQ(storage.error().message().find("secret"), std::string::npos);
  }
  EXPECT_NE(open_storage("s3:x").error().message().find("not supported in this version"), std::string::npos);
  EXPECT_NE(open_storage("s4:x").error().message().find("no known kind"), std::string::npos);
  EXPECT_FALSE(open_storage(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace varve::storage
