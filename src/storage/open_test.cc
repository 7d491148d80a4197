#include "storage/open.h"

#include <gtest/gtest.h>

#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

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
  for (const char* url :
       {"b2:x", "rclone:remote", "rclone:-x:y", "https://user:secret@host/", "s4:bucket", "", "local:"}) {
    const auto storage = open_storage(url);
    ASSERT_FALSE(storage) << url;
    EXPECT_EQ(storage.error().kind(), ErrorKind::kInvalidInput) << url;
    EXPECT_EQ(storage.error().message().find("secret"), std::string::npos);
  }
  EXPECT_NE(open_storage("b2:x").error().message().find("not supported in this version"), std::string::npos);
  EXPECT_NE(open_storage("s4:x").error().message().find("no known kind"), std::string::npos);
  EXPECT_FALSE(open_storage(std::string("a\0b", 3)));
}

TEST(OpenStorage, TakesServersByTheNamesThatResticHasForThem) {
  OpenOptions options;
  options.aws.keys = {"key", "secret", ""};
  const std::pair<const char*, const char*> places[] = {
      {"rest:http://host:8000/shop", "rest:http://host:8000/shop/"},
      {"rest:https://user:p%40ss@host/", "rest:https://user:***@host/"},
      {"rest:https://user@host", "rest:https://user@host/"},
      {"rclone:remote:path/x", "rclone:remote:path/x"},
      {"sftp:user@host:shop/", "sftp:user@host:shop"},
      {"sftp://host:22//srv/shop", "sftp://host:22//srv/shop"},
      {"s3:host/bucket", "s3:https://host/bucket/"},
      {"s3://host/bucket/", "s3:https://host/bucket/"},
      {"s3:http://127.0.0.1:9000/bucket/a//b/./", "s3:http://127.0.0.1:9000/bucket/a/b/"},
      {"s3:https://s3.amazonaws.com/bucket//a", "s3:https://s3.amazonaws.com/bucket//a/"}};
  for (const auto& [url, location] : places) {
    const auto storage = open_storage(url, options);
    ASSERT_TRUE(storage) << url << ": " << storage.error().message();
    EXPECT_EQ((*storage)->location(), location);
    EXPECT_EQ((*storage)->connections(), 5u);
  }
  options.connections = 9;
  EXPECT_EQ((*open_storage("s3:host/bucket", options))->connections(), 9u);
}

TEST(OpenStorage, RefusesServersThatAreNotWellNamed) {
  OpenOptions options;
  options.aws.keys = {"key", "secret", ""};
  for (const char* url : {"rest:", "rest:/path", "rest:host", "rest:ftp://host/", "rest:https://", "rest:http://a/?b",
                          "rest:https://user:secret%zz@host/", "s3:", "s3:host", "s3:https://host/", "s3:http:///b",
                          "s3:user:secret@host/bucket", "s3:host/bucket/../other"}) {
    const auto storage = open_storage(url, options);
    ASSERT_FALSE(storage) << url;
    EXPECT_EQ(storage.error().kind(), ErrorKind::kInvalidInput) << url;
    EXPECT_EQ(storage.error().message().find("secret"), std::string::npos);
    EXPECT_FALSE(storage.error().hints().empty());
  }
}

TEST(OpenStorage, TakesPlacesInAzure) {
  OpenOptions options;
  options.azure = {.account = "shop", .key = "c2VjcmV0"};
  for (const auto& [url, location] : {std::pair{"azure:cont:/", "azure:cont:/"},
                                      {"azure:cont:", "azure:cont:/"},
                                      {"azure:my-cont:/a//b/./", "azure:my-cont:/a/b/"},
                                      {"azure:$root:a", "azure:$root:/a/"}}) {
    const auto storage = open_storage(url, options);
    ASSERT_TRUE(storage) << url << ": " << storage.error().message();
    EXPECT_EQ((*storage)->location(), location);
  }
  for (const char* url :
       {"azure:", "azure:cont", "azure::/x", "azure:Cont:/", "azure:a/b:/", "azure:cont:/a/../b", "azure:..:/"}) {
    const auto storage = open_storage(url, options);
    ASSERT_FALSE(storage) << url;
    EXPECT_EQ(storage.error().kind(), ErrorKind::kInvalidInput) << url;
    EXPECT_FALSE(storage.error().hints().empty());
  }
  EXPECT_NE(open_storage("azure:cont:/").error().message().find("no login for Azure"), std::string::npos);
  options.extended["azure.access-tier"] = "lukewarm";
  EXPECT_NE(open_storage("azure:cont:/", options).error().message().find("no access tier"), std::string::npos);
}

TEST(OpenStorage, TakesPlacesInGooglesStorage) {
  OpenOptions options;
  options.google.emulator = "127.0.0.1:1";
  options.extended["gs.region"] = "europe-west1";
  EXPECT_EQ((*open_storage("gs:my_bucket.example:/a", options))->location(), "gs:my_bucket.example:/a/");
  EXPECT_FALSE(open_storage("gs:bucket", options));
  options.google.emulator = "ftp://x";
  EXPECT_NE(open_storage("gs:bucket:/", options).error().message().find("STORAGE_EMULATOR_HOST"), std::string::npos);
}

TEST(OpenStorage, RefusesOptionsThatAreNotKnown) {
  OpenOptions options;
  options.extended["azure.tier"] = "Hot";
  EXPECT_NE(open_storage("/srv", options).error().message().find("-o azure.tier is not known"), std::string::npos);
}

TEST(OpenStorage, TakesResticsOptionsOfS3) {
  OpenOptions options;
  options.extended = {{"s3.region", "eu-west-1"}, {"s3.storage-class", "STANDARD_IA"}, {"s3.bucket-lookup", "path"}};
  EXPECT_TRUE(open_storage("s3:host/bucket", options));
  options.extended["s3.bucket-lookup"] = "guess";
  EXPECT_NE(open_storage("s3:host/bucket", options).error().message().find("s3.bucket-lookup"), std::string::npos);
  options.extended["s3.bucket-lookup"] = "auto";
  options.extended["s3.storage-class"] = "DEEP_ARCHIVE";
  EXPECT_EQ(open_storage("s3:host/bucket", options).error().kind(), ErrorKind::kUnsupported);
  options.extended["s3.storage-class"] = "x\r\ny";
  EXPECT_EQ(open_storage("s3:host/bucket", options).error().kind(), ErrorKind::kInvalidInput);
}

TEST(OpenStorage, TakesTheConnectionsOfAKindOfPlace) {
  OpenOptions options;
  options.extended = {{"rest.connections", "7"}, {"s3.connections", "0"}};
  EXPECT_EQ((*open_storage("rest:http://host/", options))->connections(), 7u);
  EXPECT_NE(open_storage("s3:host/bucket", options).error().message().find("s3.connections=0"), std::string::npos);
  options.connections = 3;
  EXPECT_EQ((*open_storage("rest:http://host/", options))->connections(), 3u);
}

TEST(OpenStorage, AsksForTheLoginOfS3) {
  OpenOptions options;
  EXPECT_TRUE(open_storage("s3:host/bucket", options)) << "the machine may have one";
  options.aws.metadata_disabled = true;
  EXPECT_NE(open_storage("s3:host/bucket", options).error().message().find("no login"), std::string::npos);
  options.aws.keys = {"key", "", ""};
  EXPECT_NE(open_storage("s3:host/bucket", options).error().message().find("the secret key is missing"),
            std::string::npos);
}

}  // namespace
}  // namespace varve::storage
