#include "storage/rclone.h"

#include <gtest/gtest.h>

#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using Words = std::vector<std::string>;

TEST(RcloneCommand, ServesOnAPortOfThisMachine) {
  EXPECT_EQ(rclone_command("shop:a b", {}), (Words{"rclone", "serve", "restic", "--b2-hard-delete",
                                                   "--cache-objects=false", "--addr", "127.0.0.1:0", "shop:a b"}));
  const RcloneSettings restics{.program = "'my rclone' -v", .args = "serve restic --stdio --drive-use-trash=false"};
  EXPECT_EQ(rclone_command("shop:", restics), (Words{"my rclone", "-v", "serve", "restic", "--drive-use-trash=false",
                                                     "--cache-objects=false", "--addr", "127.0.0.1:0", "shop:"}));
  EXPECT_EQ(rclone_command("shop:", {.args = "-c x"}), (Words{"rclone", "-c", "x", "--addr", "127.0.0.1:0", "shop:"}));
  for (const char* remote : {"", "shop", "--config=x:y"}) {
    EXPECT_EQ(rclone_command(remote, {}).error().kind(), ErrorKind::kInvalidInput) << remote;
  }
  EXPECT_FALSE(rclone_command("shop:", {.program = " "}));
  EXPECT_FALSE(rclone_command("shop:", {.args = "a 'b"}));
}

TEST(RcloneStorage, ShowsNoSettingsOfAPlace) {
  const std::pair<const char*, const char*> places[] = {
      {"shop:a,b=c:d", "shop:a,b=c:d"},
      {":local:/x", ":local:/x"},
      {":s3,access_key_id=A,env_auth,secret_access_key=B:bucket/a",
       ":s3,access_key_id=***,env_auth,secret_access_key=***:bucket/a"},
      {"shop,pass='a:''b,':c", "shop,pass=***:c"},
      {"shop,a=\"x:y\"z,b=c:d", "shop,a=***,b=***:d"},
      {"shop,pass='a:b", "shop,pass=***"},
      {"shop,pass=", "shop,pass=***"},
      {"", ""},
  };
  for (const auto& [place, shown] : places) {
    const RcloneStorage storage(place, {"rclone"}, net::ClientOptions(), 5);
    EXPECT_EQ(storage.location(), std::string("rclone:") + shown);
  }
  const std::string place = ":s3,secret=word:x";
  RcloneStorage storage(place, {"sh", "-c", "echo no place " + place + " >&2; exit 1"}, net::ClientOptions(), 5);
  const auto error = storage.stat(testing::kConfig, Cancel()).error();
  EXPECT_NE(error.message().find("no place :s3,secret=***:x"), std::string::npos) << error.message();
  EXPECT_EQ((error.message() + error.hints().front()).find("word"), std::string::npos);
  EXPECT_EQ(rclone_command("shop,secret=word", {}).error().message().find("word"), std::string::npos);
}

RcloneStorage run_by_shell(const std::string& script) {
  return RcloneStorage("shop:x", {"sh", "-c", script}, net::ClientOptions(), 5);
}

TEST(RcloneStorage, TellsWhyThereIsNoServer) {
  const struct {
    const char *script, *sentence;
  } cases[] = {
      {"echo no such section >&2; exit 1", "rclone does not serve rclone:shop:x: it says: no such section"},
      {"exit 3", "it ended with status 3"},
      {"echo http://127.0.0.1:99999/ >&2; exit 1", "it says: http://127.0.0.1:99999/"},
  };
  for (const auto& expected : cases) {
    auto storage = run_by_shell(expected.script);
    const auto size = storage.stat(testing::kConfig, Cancel());
    ASSERT_FALSE(size);
    EXPECT_EQ(size.error().kind(), ErrorKind::kUnsupported);
    EXPECT_NE(size.error().message().find(expected.sentence), std::string::npos) << size.error().message();
  }
  RcloneStorage missing("shop:x", {"no-such-rclone"}, net::ClientOptions(), 5);
  const auto error = missing.stat(testing::kConfig, Cancel()).error();
  EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
  EXPECT_NE(error.hints().front().find("is rclone installed"), std::string::npos);
}

TEST(RcloneStorage, TellsWhatItComplainsOf) {
  // Port 1 is nobody's.
  auto storage = run_by_shell("echo http://127.0.0.1:1/ >&2; while sleep 0.2; do echo the disk is gone >&2; done");
  auto error = storage.stat(testing::kConfig, Cancel()).error();
  for (int i = 0; i < 100 && error.message().find("the disk is gone") == std::string::npos; ++i) {
    error = storage.stat(testing::kConfig, Cancel()).error();
  }
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_NE(error.message().find("rclone says: the disk is gone"), std::string::npos) << error.message();
}

}  // namespace
}  // namespace varve::storage
