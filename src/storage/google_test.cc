#include "storage/google.h"

#include <atomic>

#include <gtest/gtest.h>

#include "net/testing/server.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using net::testing::answer;
using net::testing::Server;
using testing::put;

const std::string kName(64, 'a');
const Handle kPack{FileType::kPack, *Id::parse(kName)};
const std::string kObject = "/storage/v1/b/bucket/o/shop%2Fdata%2Faa%2F" + kName;

GoogleStorage at(const Server& server, GoogleLogin login = {}, const std::string& project = "") {
  return GoogleStorage(*BucketPlace::parse("gs", "bucket:/shop"), std::move(login),
                       {.endpoint = server.url(), .project = project}, {}, 1);
}

std::string object(const std::string& size, const std::string& crc = "") {
  return R"({"kind":"storage#object","size":")" + size + R"(","crc32c":")" + crc + R"(","generation":"7"})";
}

std::string complaint(int status, const std::string& reason, const std::string& message) {
  return answer(status,
                R"({"error":{"code":0,"message":")" + message + R"(","errors":[{"reason":")" + reason + R"("}]}})");
}

TEST(GoogleStorage, StoresWithTheHashAndNothingTwice) {
  Server server([](const Server::Call&) { return answer(200, object("9", "4waSgw==")); });
  auto storage = at(server, {.kind = GoogleLogin::Kind::kToken, .token = "secret"});
  const ByteView pieces[] = {as_bytes("12345"), as_bytes("6789")};
  ASSERT_TRUE(storage.put(kPack, pieces, Cancel()));
  const auto call = server.calls()[0];
  EXPECT_EQ(call.line(), "POST /upload/storage/v1/b/bucket/o?ifGenerationMatch=0&uploadType=multipart HTTP/1.1");
  EXPECT_NE(call.head.find("authorization: Bearer secret\r\n"), std::string::npos);
  const size_t at_boundary = call.head.find("boundary=") + 9;
  const auto boundary = call.head.substr(at_boundary, call.head.find('\r', at_boundary) - at_boundary);
  EXPECT_EQ(call.body, "--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" +
                           R"({"crc32c":"4waSgw==","name":"shop/data/aa/)" + kName + "\"}\r\n--" + boundary +
                           "\r\nContent-Type: application/octet-stream\r\n\r\n123456789\r\n--" + boundary + "--\r\n");
}

TEST(GoogleStorage, RemovesWhatIsNotWhatItSent) {
  for (const auto& stored : {object("9", "AAAAAA=="), object("8", "4waSgw==")}) {
    Server server([&](const Server::Call&) { return answer(200, stored); });
    auto storage = at(server);
    const auto done = put(storage, kPack, as_bytes("123456789"));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), ErrorKind::kUnavailable);
    ASSERT_EQ(server.calls().size(), 2u);
    EXPECT_EQ(server.calls()[1].line(), "DELETE " + kObject + "?generation=7 HTTP/1.1");
  }
}

TEST(GoogleStorage, TellsWhereThatCannotBeRemoved) {
  const std::string without_generation = R"({"size":"9","crc32c":"AAAAAA=="})";
  for (const auto& [stored, removed, kind] : {std::tuple{object("9", "AAAAAA=="), answer(503), ErrorKind::kCorrupt},
                                              {object("9", "AAAAAA=="), std::string("no answer"), ErrorKind::kCorrupt},
                                              {without_generation, answer(204), ErrorKind::kCorrupt},
                                              {object("9", "AAAAAA=="), answer(404), ErrorKind::kUnavailable}}) {
    Server server(
        [&](const Server::Call& call) { return call.line().starts_with("DELETE") ? removed : answer(200, stored); });
    auto storage = at(server);
    EXPECT_EQ(put(storage, kPack, as_bytes("123456789")).error().kind(), kind) << stored << removed;
  }
}

TEST(GoogleStorage, SaysThatAFileIsThere) {
  Server server([](const Server::Call&) { return complaint(412, "conditionNotMet", "At least one did not hold"); });
  auto storage = at(server);
  EXPECT_EQ(put(storage, kPack, as_bytes("bytes")).error().kind(), ErrorKind::kExists);
}

TEST(GoogleStorage, FindsThatWhatItSentTwiceHadArrived) {
  std::atomic<int> puts = 0;
  Server server([&](const Server::Call& call) -> std::string {
    if (call.line().starts_with("GET")) return answer(200, object("4"));
    ++puts;
    return puts == 1 ? answer(200, R"({"size":"6"})") : puts == 2 ? "" : complaint(412, "conditionNotMet", "x");
  });
  auto storage = at(server);
  ASSERT_TRUE(put(storage, testing::kConfig, as_bytes("config"))) << "so that the connection is a kept one";
  EXPECT_TRUE(put(storage, kPack, as_bytes("four")));
}

TEST(GoogleStorage, ComparesWhatItReadsWhole) {
  std::string hash;
  Server server([&](const Server::Call&) { return answer(200, "123456789", hash); });
  auto storage = at(server);
  for (const char* good :
       {"x-goog-hash: crc32c=4waSgw==\r\nx-goog-hash: md5=x\r\n", "X-Goog-Hash: md5=x,crc32c=4waSgw==\r\n", ""}) {
    hash = good;
    EXPECT_EQ(storage.get(kPack, 0, 0, Cancel()), to_bytes(as_bytes("123456789"))) << good;
  }
  hash = "x-goog-hash: crc32c=AAAAAA==\r\n";
  EXPECT_EQ(storage.get(kPack, 0, 0, Cancel()).error().kind(), ErrorKind::kUnavailable);
}

TEST(GoogleStorage, ListsPageAfterPageEmptyOnesToo) {
  const std::string other(64, 'b');
  Server server([&](const Server::Call& call) {
    const auto line = call.line();
    if (line.find("pageToken=b%21") != std::string::npos) {
      return answer(200, R"({"kind":"storage#objects","items":[{"name":"shop/data/bb/)" + other +
                             R"(","size":"2"},{"name":"x","size":"1"}]})");
    }
    if (line.find("pageToken=a") != std::string::npos) {
      return answer(200, R"({"kind":"storage#objects","nextPageToken":"b!"})");
    }
    return answer(200, R"({"kind":"storage#objects","nextPageToken":"a","items":[{"name":"shop/data/aa/)" + kName +
                           R"(","size":"1"}]})");
  });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack), (std::map<Id, uint64_t>{{kPack.id, 1}, {*Id::parse(other), 2}}));
}

TEST(GoogleStorage, BelievesNoListingThatIsNone) {
  std::string body;
  Server server([&](const Server::Call&) { return answer(200, body); });
  auto storage = at(server);
  for (const char* text :
       {"", "[]", "{}", "<html/>", R"({"kind":"storage#objects","nextPageToken":"a"})",
        R"({"kind":"storage#objects","items":[{"name":"x"}]})", R"({"kind":"storage#objects","items":[{"size":"1"}]})",
        R"({"kind":"storage#objects","items":[7]})", R"({"kind":"storage#objects","items":{}})",
        R"({"kind":"storage#obj)"}) {
    body = text;
    const auto found = testing::listed(storage, FileType::kPack);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().kind(), ErrorKind::kUnavailable) << text;
  }
}

TEST(GoogleStorage, ReadsNoMoreOfAnAnswerThanItCanHave) {
  Server server([&](const Server::Call& call) {
    const auto padding = std::string(call.line().find("prefix=") != std::string::npos ? 9u << 20 : 100u << 10, ' ');
    return answer(200, object("9") + padding);
  });
  auto storage = at(server);
  EXPECT_EQ(storage.stat(kPack, Cancel()).error().kind(), ErrorKind::kUnavailable);
  const auto found = testing::listed(storage, FileType::kPack);
  EXPECT_NE(found.error().message().find("answers with more than"), std::string::npos) << found.error().message();
}

TEST(GoogleStorage, TakesNoMissingBucketForAnEmptyOne) {
  Server server(
      [&](const Server::Call&) { return complaint(404, "notFound", "The specified bucket does not exist."); });
  auto storage = at(server);
  for (const FileType type : {FileType::kConfig, FileType::kPack, FileType::kLock}) {
    EXPECT_EQ(testing::listed(storage, type).error().kind(), ErrorKind::kNotFound);
  }
  const auto made = storage.create(Cancel());
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("needs a project"), std::string::npos) << made.error().message();
}

TEST(GoogleStorage, SaysWhatIsWrongAndWhatToDo) {
  std::string reply;
  Server server([&](const Server::Call&) { return reply; });
  auto storage = at(server);
  struct Case {
    int status;
    const char* reason;
    const char* message;
    ErrorKind kind;
    const char* words;
  };
  for (const auto& [status, reason, message, kind, words] :
       {Case{401, "authError", "Invalid Credentials", ErrorKind::kDenied, "the token is not valid"},
        Case{403, "forbidden", "x does not have storage.objects.create", ErrorKind::kDenied,
             "not allowed to: x does not"},
        Case{403, "rateLimitExceeded", "slow", ErrorKind::kUnavailable, "asked too much"},
        Case{403, "retentionPolicyNotMet", "no", ErrorKind::kDenied, "retention policy"},
        Case{404, "notFound", "The specified bucket does not exist.", ErrorKind::kNotFound, "no such bucket"},
        Case{400, "invalid", "Provided CRC32C hash does not match", ErrorKind::kUnavailable, "other bytes arrived"},
        Case{429, "rateLimitExceeded", "slow", ErrorKind::kUnavailable, "too busy"},
        Case{503, "backendError", "later", ErrorKind::kUnavailable, "too busy"},
        Case{400, "invalid", "Invalid bucket name", ErrorKind::kUnsupported, "(Invalid bucket name)"}}) {
    reply = complaint(status, reason, message);
    const auto stored = put(storage, kPack, as_bytes("x"));
    ASSERT_FALSE(stored) << message;
    EXPECT_EQ(stored.error().kind(), kind) << message;
    EXPECT_NE(stored.error().message().find(words), std::string::npos) << stored.error().message();
  }
}

}  // namespace
}  // namespace varve::storage
