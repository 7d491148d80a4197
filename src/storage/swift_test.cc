#include "storage/swift.h"

#include <atomic>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/timed_stop.h"
#include "net/testing/server.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using net::testing::answer;
using net::testing::Server;
using testing::put;

const std::string kName(64, 'a');
const Handle kPack{FileType::kPack, *Id::parse(kName)};
const std::string kPath = "/v1/A/c/shop/data/aa/" + kName + " HTTP/1.1";
const std::string kKey = "shop/data/aa/" + kName;
const std::string kFound = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
const std::string kMissing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const std::string kMd5OfBytes = "4b3a6218bb3e3a7303e8a171a60fcf92";  // of "bytes"

std::string entry(const std::string& name, int size) {
  return fmt::format(R"({{"name": "{}", "bytes": {}, "hash": "x", "last_modified": "y"}})", name, size);
}

/// By a token that it was given.
SwiftStorage at(const Server& server, const std::string& policy = "") {
  OpenstackLogin login;
  login.storage_url = server.url() + "/v1/A";
  login.token = "given";
  return SwiftStorage(*SwiftPlace::parse("c:/shop"), login, policy, {}, 1);
}

TEST(SwiftPlace, IsAContainerAndAFolder) {
  const std::tuple<const char*, const char*, const char*> places[] = {
      {"c:/", "c", ""}, {"a c:/shop", "a c", "shop/"}, {"c:/a//b/./", "c", "a/b/"}, {"c://a", "c", "/a/"}};
  for (const auto& [text, container, prefix] : places) {
    const auto place = SwiftPlace::parse(text);
    ASSERT_TRUE(place) << text;
    EXPECT_EQ(place->container, container);
    EXPECT_EQ(place->prefix, prefix);
    EXPECT_EQ(place->location(), fmt::format("swift:{}:/{}", container, prefix));
  }
  for (const char* text : {"", "c", "c:", "c:x", ":/x", "a/b:/x", "c:/a/../b"}) {
    const auto place = SwiftPlace::parse(text);
    ASSERT_FALSE(place) << text;
    EXPECT_EQ(place.error().kind(), ErrorKind::kInvalidInput);
  }
}

TEST(SwiftStorage, StoresWithTheHashAndNothingTwice) {
  Server server([](const Server::Call&) { return answer(201, "", "Etag: \"" + kMd5OfBytes + "\"\r\n"); });
  auto storage = at(server);
  ASSERT_TRUE(put(storage, kPack, as_bytes("bytes")));
  const auto call = server.calls().at(0);
  EXPECT_EQ(call.line(), "PUT " + kPath);
  EXPECT_EQ(call.body, "bytes");
  for (const auto& header :
       {"etag: " + kMd5OfBytes, std::string("if-none-match: *"), std::string("x-auth-token: given")}) {
    EXPECT_NE(call.head.find(header + "\r\n"), std::string::npos) << header;
  }
}

TEST(SwiftStorage, SaysWhyItDoesNotStore) {
  std::atomic<int> status = 0;
  Server server([&](const Server::Call& call) {
    return call.line().starts_with("GET") ? answer(200, '[' + entry(kKey, 5) + ']') : answer(status);
  });
  auto storage = at(server);
  const std::pair<int, ErrorKind> kinds[] = {
      {412, ErrorKind::kExists},      {404, ErrorKind::kNotFound},    {403, ErrorKind::kDenied},
      {422, ErrorKind::kUnavailable}, {413, ErrorKind::kNoSpace},     {507, ErrorKind::kNoSpace},
      {498, ErrorKind::kUnavailable}, {429, ErrorKind::kUnavailable}, {409, ErrorKind::kUnavailable}};
  for (const auto& [code, kind] : kinds) {
    status = code;
    const auto stored = put(storage, kPack, as_bytes("bytes"));
    ASSERT_FALSE(stored) << code;
    EXPECT_EQ(stored.error().kind(), kind) << stored.error().message();
  }
}

TEST(SwiftStorage, WaitsWhereTheServerTakesNoMoreForNow) {
  Server server([](const Server::Call&) { return answer(413, "", "Retry-After: 0\r\n"); });
  auto storage = at(server);
  EXPECT_EQ(put(storage, kPack, as_bytes("bytes")).error().kind(), ErrorKind::kUnavailable);
}

TEST(SwiftStorage, RemovesWhatWasStoredWrong) {
  Server server([](const Server::Call& call) {
    return call.line().starts_with("DELETE") ? answer(204) : answer(201, "", "Etag: " + std::string(32, '0') + "\r\n");
  });
  auto storage = at(server);
  EXPECT_EQ(put(storage, kPack, as_bytes("bytes")).error().kind(), ErrorKind::kUnavailable);
  ASSERT_EQ(server.calls().size(), 2u);
  EXPECT_EQ(server.calls()[1].line(), "DELETE " + kPath);
}

TEST(SwiftStorage, TellsWhereThatCannotBeRemoved) {
  Server server([](const Server::Call& call) {
    return call.line().starts_with("DELETE") ? answer(503) : answer(201, "", "Etag: " + std::string(32, '0') + "\r\n");
  });
  auto storage = at(server);
  EXPECT_EQ(put(storage, kPack, as_bytes("bytes")).error().kind(), ErrorKind::kCorrupt);
}

TEST(SwiftStorage, DoesNotBelieveAYesToSomethingElse) {
  for (const int status : {200, 202, 204}) {
    std::atomic<bool> there = false;
    Server server([&](const Server::Call& call) {
      if (call.line().starts_with("GET")) return answer(200, '[' + entry(kKey, 5) + ']');
      return call.line().starts_with("HEAD") ? (there ? kFound : kMissing) : answer(status);
    });
    auto storage = at(server);
    EXPECT_EQ(put(storage, kPack, as_bytes("bytes")).error().kind(), ErrorKind::kUnavailable) << status;
    there = true;
    EXPECT_TRUE(put(storage, kPack, as_bytes("bytes"))) << status;
  }
}

TEST(SwiftStorage, StoresAgainWhatTheListingLacks) {
  std::atomic<bool> listed = false;
  Server server([&](const Server::Call& call) {
    if (call.line().starts_with("HEAD")) return kFound;
    if (call.line().starts_with("GET")) return answer(200, listed ? '[' + entry(kKey, 5) + ']' : "[]");
    const bool only_new = call.head.find("if-none-match: *") != std::string::npos;
    if (!only_new) listed = true;
    return answer(only_new ? 412 : 201);
  });
  auto storage = at(server);
  const ByteView pieces[] = {as_bytes("bytes")};
  EXPECT_EQ(is_stored(storage, kPack, pieces, Cancel()), false);
  EXPECT_TRUE(put(storage, kPack, as_bytes("bytes")));
  EXPECT_EQ(is_stored(storage, kPack, pieces, Cancel()), true);
  EXPECT_EQ(put(storage, kPack, as_bytes("bytes")).error().kind(), ErrorKind::kExists);
}

TEST(SwiftStorage, WaitsUntilWhatOthersMustFindIsListed) {
  for (const FileType type :
       {FileType::kLock, FileType::kSnapshot, FileType::kIndex, FileType::kKey, FileType::kPack}) {
    const Bytes bytes = testing::content(5);
    const Handle handle = testing::handle_for(type, bytes);
    std::atomic<int> looks = 0;
    Server server([&](const Server::Call& call) {
      if (!call.line().starts_with("GET")) return answer(201);
      return answer(200, ++looks > 2 ? '[' + entry("shop/" + handle.path(), 5) + ']' : "[]");
    });
    auto storage = at(server);
    EXPECT_TRUE(put(storage, handle, bytes));
    EXPECT_EQ(looks, type == FileType::kPack ? 0 : 3) << handle.path();
  }
}

TEST(SwiftStorage, EndsItsWaitForAListing) {
  Server server(
      [](const Server::Call& call) { return call.line().starts_with("GET") ? answer(200, "[]") : answer(201); });
  auto storage = at(server);
  const Bytes bytes = testing::content(5);
  const TimedStop soon(std::chrono::milliseconds(200));
  const ByteView pieces[] = {bytes};
  EXPECT_FALSE(storage.put(testing::handle_for(FileType::kSnapshot, bytes), pieces, soon.cancel()));
}

TEST(SwiftStorage, FindsThatWhatItSentTwiceHadArrived) {
  std::atomic<int> puts = 0;
  Server server([&](const Server::Call& call) -> std::string {
    if (call.line().starts_with("HEAD")) return kFound;
    if (call.line().starts_with("GET")) return answer(200, '[' + entry(kKey, 5) + ']');
    return ++puts == 1 ? answer(201) : puts == 2 ? "" : answer(412);
  });
  auto storage = at(server);
  ASSERT_TRUE(put(storage, {FileType::kPack, {}}, as_bytes("other"))) << "so that the connection is a kept one";
  EXPECT_TRUE(put(storage, kPack, as_bytes("bytes")));
}

TEST(SwiftStorage, FindsThatAnotherConfigWasStoredAtTheSameTime) {
  std::string stays = "mine!";
  Server server([&](const Server::Call& call) {
    if (call.line().starts_with("HEAD")) return kFound;
    return call.line().starts_with("PUT") ? answer(201) : answer(200, stays);
  });
  auto storage = at(server);
  EXPECT_TRUE(put(storage, testing::kConfig, as_bytes("mine!")));
  stays = "other";
  EXPECT_EQ(put(storage, testing::kConfig, as_bytes("mine!")).error().kind(), ErrorKind::kExists);
}

TEST(SwiftStorage, RefusesWhatNeedsSegments) {
  Server server([](const Server::Call&) { return answer(201); });
  auto storage = at(server);
  const Bytes piece(1 << 20);
  const std::vector<ByteView> pieces((5u << 10) + 1, piece);
  const auto stored = storage.put(kPack, pieces, Cancel());
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().kind(), ErrorKind::kUnsupported);
  EXPECT_TRUE(server.calls().empty());
}

TEST(SwiftStorage, ComparesWholeFilesWithTheirHash) {
  std::string headers;
  Server server([&](const Server::Call&) { return answer(200, "bytes", headers); });
  auto storage = at(server);
  for (const auto& good : {std::string(), "Etag: " + kMd5OfBytes + "\r\n", std::string("Etag: \"abc-2\"\r\n"),
                           "X-Static-Large-Object: True\r\nEtag: " + std::string(32, '0') + "\r\n"}) {
    headers = good;
    EXPECT_EQ(storage.get(kPack, 0, 0, Cancel()), to_bytes(as_bytes("bytes"))) << good;
  }
  headers = "Etag: " + std::string(32, '0') + "\r\n";
  EXPECT_EQ(storage.get(kPack, 0, 0, Cancel()).error().kind(), ErrorKind::kUnavailable);
}

TEST(SwiftStorage, LogsInOnceMoreWhereItsTokenIsRefused) {
  std::atomic<int> logins = 0;
  std::string at_url;
  Server server([&](const Server::Call& call) {
    if (call.line().starts_with("GET /auth")) {
      return answer(200, "",
                    "X-Storage-Url: " + at_url + "/v1/A\r\nX-Auth-Token: T" + std::to_string(++logins) + "\r\n");
    }
    if (call.head.find("x-auth-token: T2\r\n") == std::string::npos) return answer(401);
    return answer(201);
  });
  at_url = server.url();
  OpenstackLogin login;
  login.version = "1";
  login.auth_url = server.url() + "/auth";
  login.user = "me";
  login.password = "secret";
  SwiftStorage storage(*SwiftPlace::parse("c:/shop"), login, "", {}, 1);
  EXPECT_TRUE(put(storage, kPack, as_bytes("bytes")));
  EXPECT_EQ(server.calls().back().body, "bytes") << "from its beginning";
  EXPECT_TRUE(put(storage, kPack, as_bytes("bytes")));
  EXPECT_EQ(logins, 2);
}

TEST(SwiftStorage, GivesUpWhereTheNewTokenIsRefusedToo) {
  std::string at_url;
  Server server([&](const Server::Call& call) {
    if (!call.line().starts_with("GET /auth")) return answer(401);
    return answer(200, "", "X-Storage-Url: " + at_url + "/v1/A\r\nX-Auth-Token: secret\r\n");
  });
  at_url = server.url();
  OpenstackLogin login;
  login.version = "1";
  login.auth_url = server.url() + "/auth";
  login.user = "me";
  login.password = "secret";
  SwiftStorage storage(*SwiftPlace::parse("c:/shop"), login, "", {}, 1);
  const auto stored = put(storage, kPack, as_bytes("bytes"));
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().kind(), ErrorKind::kDenied);
  EXPECT_EQ(stored.error().message().find("secret"), std::string::npos);
  EXPECT_EQ(server.calls().size(), 4u);
}

TEST(SwiftStorage, MakesAContainerThatIsNotThere) {
  Server server([](const Server::Call& call) { return call.line().starts_with("HEAD") ? kMissing : answer(201); });
  auto storage = at(server, "cold");
  ASSERT_TRUE(storage.create(Cancel()));
  EXPECT_EQ(server.calls().back().line(), "PUT /v1/A/c HTTP/1.1");
  EXPECT_NE(server.calls().back().head.find("x-storage-policy: cold\r\n"), std::string::npos);
}

TEST(SwiftStorage, UsesAContainerThatItMayNotLookAt) {
  Server server([](const Server::Call& call) {
    return call.line() == "HEAD /v1/A/c HTTP/1.1" ? std::string("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
                                                  : kMissing;
  });
  auto storage = at(server);
  EXPECT_TRUE(storage.create(Cancel()));
}

TEST(SwiftStorage, ListsToAnEmptyPage) {
  const std::string other(64, 'b');
  const std::string first = "shop/data/aa/" + kName, second = "shop/data/bb/" + other;
  Server server([&](const Server::Call& call) {
    if (call.line().find("marker=") == std::string::npos) return answer(200, '[' + entry(first, 1) + ']');
    if (call.line().find("%2F" + kName) != std::string::npos) {
      return answer(200, fmt::format("[{}, {}, {}]", entry("shop/data/ab/" + kName, 7), entry(second, 2),
                                     entry("shop/data/zz", 3)));
    }
    return call.line().find("zz") != std::string::npos ? std::string("HTTP/1.1 204 None\r\n\r\n") : answer(500);
  });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack), (std::map<Id, uint64_t>{{kPack.id, 1}, {*Id::parse(other), 2}}))
      << "and nothing that lies in a wrong folder";
  EXPECT_EQ(server.calls().at(0).line(), "GET /v1/A/c?format=json&prefix=shop%2Fdata%2F HTTP/1.1");
}

TEST(SwiftStorage, EndsWherePagesGoRoundInACircle) {
  Server server([](const Server::Call&) { return answer(200, '[' + entry("shop/data/foreign", 1) + ']'); });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(server.calls().size(), 2u);
}

TEST(SwiftStorage, BelievesNoListingThatIsNone) {
  std::string body;
  Server server([&](const Server::Call&) { return answer(200, body); });
  auto storage = at(server);
  for (const char* text : {"", "<html/>", "{}", "null", "[1]", "[{}]", R"([{"name": "a"}])", R"([{"bytes": 1}])",
                           R"([{"name": "a", "bytes": -1}])", R"([{"name": 1, "bytes": 1}])", R"([{"subdir": "a/"}])",
                           R"([{"name": "a", "bytes": 1})"}) {
    body = text;
    const auto found = testing::listed(storage, FileType::kPack);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().kind(), ErrorKind::kUnavailable) << text;
  }
}

TEST(SwiftStorage, HasNoListOfAContainerThatIsNotThere) {
  Server server([](const Server::Call& call) { return call.line().starts_with("HEAD") ? kMissing : answer(404); });
  auto storage = at(server);
  for (const FileType type : {FileType::kConfig, FileType::kIndex}) {
    EXPECT_EQ(testing::listed(storage, type).error().kind(), ErrorKind::kNotFound);
  }
  EXPECT_EQ(storage.remove(kPack, Cancel()).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace varve::storage
