#include "storage/rest.h"

#include <atomic>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "net/testing/server.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using net::testing::answer;
using net::testing::Server;
using testing::put;

RestStorage by_rclone_at(const Server& server) {
  return RestStorage({.url = server.url() + "/", .is_rclone = true}, net::ClientOptions(), 1);
}

RestStorage at(const Server& server, const std::string& login = "") {
  std::string url = server.url() + "/shop";
  if (!login.empty()) url.insert(7, login + '@');
  return RestStorage(*RestPlace::parse(url), net::ClientOptions(), 1);
}

const std::string kName(64, 'a');
const Handle kPack{FileType::kPack, *Id::parse(kName)};

TEST(RestStorage, AsksAsTheProtocolHasIt) {
  Server server([](const Server::Call& call) {
    return call.line().starts_with("GET")
               ? answer(200, R"([{"name":")" + kName + R"(","size":7},{"name":"x","size":1}])")
               : answer(200, call.line().starts_with("HEAD") ? "" : "");
  });
  auto storage = at(server, "me:p%40ss");
  EXPECT_EQ(testing::listed(storage, FileType::kPack), (std::map<Id, uint64_t>{{kPack.id, 7}}));
  EXPECT_TRUE(put(storage, kPack, as_bytes("some bytes")));
  EXPECT_TRUE(storage.remove(kPack, Cancel()));
  const auto calls = server.calls();
  ASSERT_EQ(calls.size(), 4u);
  EXPECT_EQ(calls[0].line(), "GET /shop/data/ HTTP/1.1");
  EXPECT_NE(calls[0].head.find("accept: application/vnd.x.restic.rest.v2\r\n"), std::string::npos);
  EXPECT_NE(calls[0].head.find("authorization: Basic bWU6cEBzcw==\r\n"), std::string::npos);
  EXPECT_EQ(calls[1].line(), "POST /shop/data/" + kName + " HTTP/1.1");
  EXPECT_EQ(calls[1].body, "some bytes");
  EXPECT_EQ(calls[2].line(), "HEAD /shop/data/" + kName + " HTTP/1.1");
  EXPECT_EQ(calls[3].line(), "DELETE /shop/data/" + kName + " HTTP/1.1");
}

TEST(RestStorage, TakesListingsThatGiveNamesOnly) {
  Server server([](const Server::Call& call) {
    return call.line().starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
                                           : answer(200, "[\"" + kName + "\", \"other\"]");
  });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack), (std::map<Id, uint64_t>{{kPack.id, 9}}));
}

TEST(RestStorage, BelievesNoListingThatIsNone) {
  std::string body;
  Server server([&](const Server::Call&) { return answer(200, body); });
  auto storage = at(server);
  for (const char* text :
       {"<html>log in</html>", "[{\"name\":\"", "{}", "", "[{\"name\":1,\"size\":1}]", "[7]", "7", "[[]]", "[] []",
        "[{\"name\":\"x\",\"size\":{\"size\":1}}]", "[{\"name\":\"x\",\"size\":1,\"size\":-1}]"}) {
    body = text;
    const auto found = testing::listed(storage, FileType::kPack);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().kind(), ErrorKind::kUnavailable);
  }
}

TEST(RestStorage, TakesNoMissingFolderForAnEmptyOne) {
  Server server([](const Server::Call&) { return answer(404); });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(testing::listed(storage, FileType::kLock).error().kind(), ErrorKind::kNotFound)
      << "nor without a repository";
}

TEST(RestStorage, ListsAgainWhatAFileWentFromMeanwhile) {
  std::atomic<int> calls = 0;
  Server server([&](const Server::Call&) { return ++calls < 4 ? answer(404) : answer(200, "[]"); });
  auto storage = at(server);
  EXPECT_TRUE(testing::listed(storage, FileType::kPack)->empty());
}

TEST(RestStorage, FindsThatWhatItSentTwiceHadArrived) {
  std::atomic<int> posts = 0;
  Server server([&](const Server::Call& call) -> std::string {
    if (call.line().starts_with("HEAD")) return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    if (call.line().starts_with("GET")) return answer(200, "[]");
    return ++posts == 1 ? "" : answer(403);
  });
  auto storage = at(server);
  EXPECT_TRUE(put(storage, kPack, as_bytes("four")));
  EXPECT_EQ(put(storage, kPack, as_bytes("four")).error().kind(), ErrorKind::kExists) << "sent once, and refused";
}

TEST(RestStorage, FindsThatTheConfigThatItSentTwiceIsItsOwn) {
  std::atomic<int> posts = 0;
  Server server([&](const Server::Call& call) -> std::string {
    if (call.line().starts_with("HEAD")) return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    if (call.line().starts_with("GET"))
      return answer(200, call.line().find("config") == std::string::npos ? "[]" : "four");
    return ++posts % 2 == 1 ? "" : answer(403);
  });
  auto storage = at(server);
  EXPECT_TRUE(put(storage, testing::kConfig, as_bytes("four")));
  EXPECT_EQ(put(storage, testing::kConfig, as_bytes("FOUR")).error().kind(), ErrorKind::kExists);
}

TEST(RestStorage, SaysWhatIsWrong) {
  int status = 0;
  Server server(
      [&](const Server::Call& call) { return call.line().starts_with("GET") ? answer(200, "[]") : answer(status); });
  auto storage = at(server);
  const std::pair<int, ErrorKind> expected[] = {
      {400, ErrorKind::kUnavailable}, {401, ErrorKind::kDenied},      {404, ErrorKind::kNotFound},
      {413, ErrorKind::kNoSpace},     {429, ErrorKind::kUnavailable}, {500, ErrorKind::kUnavailable},
      {501, ErrorKind::kUnsupported}, {507, ErrorKind::kNoSpace},     {302, ErrorKind::kUnsupported}};
  for (const auto& [code, kind] : expected) {
    status = code;
    const auto stored = put(storage, kPack, as_bytes("x"));
    ASSERT_FALSE(stored) << code;
    EXPECT_EQ(stored.error().kind(), kind) << code << ": " << stored.error().message();
  }
}

TEST(RestStorage, NeverShowsThePassword) {
  Server server([](const Server::Call&) { return answer(401); });
  auto storage = at(server, "me:secret");
  EXPECT_NE(storage.location().find("me:***@"), std::string::npos);
  const auto size = storage.stat({}, Cancel());
  EXPECT_EQ(size.error().message().find("secret"), std::string::npos);
  EXPECT_NE(size.error().message().find("401"), std::string::npos);
}

TEST(RestPlace, TakesNoPieceOfABadlyWrittenLoginForAHost) {
  for (const char* text : {"http://me:se/cret@host/", "http://me:80/cret@host/", "https://me:se/cret",
                           "http://me:se?cret@host/", "http://me:a@se/cret@host:80/"}) {
    const auto place = RestPlace::parse(text);
    ASSERT_FALSE(place) << text;
    EXPECT_NE(place.error().message().find("login"), std::string::npos);
    EXPECT_EQ(place.error().message().find("cret"), std::string::npos) << place.error().message();
  }
  for (const char* text :
       {"http://me:a@host:80/", "http://host:8000/", "http://[::1]:80/", "http://[::1]/", "http://host/me@home/"}) {
    EXPECT_TRUE(RestPlace::parse(text)) << text;
  }
}

TEST(RestStorage, GivesNoOtherBytesThanThoseAskedFor) {
  std::string reply;
  Server server([&](const Server::Call& call) {
    return call.line().starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" : reply;
  });
  auto storage = at(server);
  const auto get = [&] { return storage.get(kPack, 10, 5, Cancel()); };
  reply = answer(206, "abcde", "Content-Range: bytes 10-14/100\r\n");
  EXPECT_EQ(get(), to_bytes(as_bytes("abcde")));
  for (const auto& wrong : {answer(206, "abcde"), answer(206, "abcde", "Content-Range: bytes 11-15/100\r\n"),
                            answer(206, "abc", "Content-Range: bytes 10-12/100\r\n"),
                            answer(206, "abc", "Content-Range: bytes 10-14/100\r\n"),
                            answer(206, "abcdef", "Content-Range: bytes 10-15/100\r\n"), answer(416)}) {
    reply = wrong;
    EXPECT_EQ(get().error().kind(), ErrorKind::kUnavailable) << wrong;
  }
  reply = answer(206, "abc", "Content-Range: bytes 10-12/13\r\n");
  EXPECT_EQ(get().error().kind(), ErrorKind::kCorrupt) << "a file that is shorter";
}

TEST(RestStorage, BelievesRcloneOnlyWhatIsNotListed) {
  std::string listing;
  Server server([&](const Server::Call& call) {
    return call.line().find("/ HTTP") == std::string::npos ? answer(404) : answer(200, listing);
  });
  auto storage = by_rclone_at(server);
  for (const bool there : {true, false}) {
    listing = there ? R"([{"name":")" + kName + R"(","size":7}])" : "[]";
    const auto kind = there ? ErrorKind::kUnavailable : ErrorKind::kNotFound;
    for (const Handle& handle : {kPack, testing::kConfig}) {
      EXPECT_EQ(storage.stat(handle, Cancel()).error().kind(), kind);
      EXPECT_EQ(storage.get(handle, 0, 0, Cancel()).error().kind(), kind);
    }
  }
  listing = "no listing";
  EXPECT_EQ(storage.stat(kPack, Cancel()).error().kind(), ErrorKind::kUnavailable);
}

TEST(RestStorage, StoresByRcloneWhatIsThereInPart) {
  std::string file = "config";
  Server server([&](const Server::Call& call) -> std::string {
    if (call.line().starts_with("POST")) {
      file = call.body;
      return answer(200);
    }
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.size());
  });
  auto storage = by_rclone_at(server);
  EXPECT_TRUE(put(storage, kPack, as_bytes("some bytes")));
  EXPECT_EQ(file, "some bytes");
  EXPECT_EQ(put(storage, kPack, as_bytes("SOME BYTES")).error().kind(), ErrorKind::kExists);
  EXPECT_EQ(put(storage, testing::kConfig, as_bytes("a longer one")).error().kind(), ErrorKind::kExists);
  EXPECT_EQ(file, "some bytes");
}

}  // namespace
}  // namespace varve::storage
