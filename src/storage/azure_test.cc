#include "storage/azure.h"

#include <atomic>

#include <gtest/gtest.h>

#include "codec/base64.h"
#include "net/testing/server.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using net::testing::answer;
using net::testing::Server;
using testing::put;

const std::string kSecret = "c2VjcmV0IGtleQ==";
const std::string kName(64, 'a');
const Handle kPack{FileType::kPack, *Id::parse(kName)};
const std::string kFound = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";

AzureLogin login_at(const Server& server, const std::string& sas = "") {
  AzureLogin login{server.url() + "/account", {"account", {}}, sas};
  if (sas.empty()) login.key.secret = *codec::from_base64(kSecret);
  return login;
}

AzureStorage at(const Server& server, const AzureOptions& options = {}, const std::string& sas = "") {
  return AzureStorage(*BucketPlace::parse("azure", "cont:/shop"), login_at(server, sas), options, {}, 1);
}

std::string complaint(int status, const std::string& code, const std::string& headers = "") {
  return answer(status,
                "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>words\nRequestId:1</Message></Error>",
                "x-ms-error-code: " + code + "\r\n" + headers);
}

TEST(AzureStorage, StoresWithTheHashAndNothingTwice) {
  Server server([](const Server::Call&) { return answer(201); });
  auto storage = at(server, {.access_tier = "Cool"});
  ASSERT_TRUE(put(storage, kPack, as_bytes("hello world")));
  const auto call = server.calls()[0];
  EXPECT_EQ(call.line(), "PUT /account/cont/shop/data/aa/" + kName + " HTTP/1.1");
  EXPECT_EQ(call.body, "hello world");
  for (const char* header :
       {"if-none-match: *\r\n", "content-md5: XrY7u+Ae7tCTyyK7j1rNww==\r\n", "x-ms-blob-type: BlockBlob\r\n",
        "x-ms-access-tier: Cool\r\n", "x-ms-version: 2021-12-02\r\n", "authorization: SharedKey account:"}) {
    EXPECT_NE(call.head.find(header), std::string::npos) << header;
  }
}

TEST(AzureStorage, SendsASignatureInPlaceOfAKey) {
  Server server([](const Server::Call&) { return kFound; });
  auto storage = at(server, {}, "sv=1&sig=a%2Fb");
  EXPECT_EQ(storage.stat(kPack, Cancel()), 4u);
  const auto call = server.calls()[0];
  EXPECT_EQ(call.line(), "HEAD /account/cont/shop/data/aa/" + kName + "?sv=1&sig=a%2Fb HTTP/1.1");
  EXPECT_EQ(call.head.find("authorization"), std::string::npos);
}

TEST(AzureStorage, StoresLargeFilesInBlocksThatAreNoFileUntilAllAreThere) {
  Server server([](const Server::Call&) { return answer(201); });
  auto storage = at(server, {.access_tier = "Cold", .largest_put = 4, .block = 4});
  const ByteView pieces[] = {as_bytes("hel"), as_bytes("lo wor"), as_bytes("ld")};
  ASSERT_TRUE(storage.put(kPack, pieces, Cancel()));
  const auto calls = server.calls();
  ASSERT_EQ(calls.size(), 4u);
  std::string list = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
  const char* parts[] = {"hell", "o wo", "rld"};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(calls[i].body, parts[i]);
    const auto line = calls[i].line();
    const size_t begin = line.find("blockid=") + 8;
    std::string block = line.substr(begin, line.find_first_of(" &", begin) - begin);
    while (block.find("%3D") != std::string::npos) block.replace(block.find("%3D"), 3, "=");
    list += "<Latest>" + block + "</Latest>";
    EXPECT_EQ(calls[i].head.find("if-none-match"), std::string::npos) << "Azure knows it for whole files only";
  }
  EXPECT_EQ(calls[3].body, list + "</BlockList>");
  EXPECT_NE(calls[3].head.find("if-none-match: *\r\n"), std::string::npos);
  EXPECT_NE(calls[3].head.find("x-ms-blob-content-md5: XrY7u+Ae7tCTyyK7j1rNww==\r\n"), std::string::npos);
  EXPECT_NE(calls[3].head.find("x-ms-access-tier: Cold\r\n"), std::string::npos);
}

TEST(AzureStorage, PutsNoListOfBlocksOfWhichOneFailed) {
  Server server(
      [](const Server::Call& call) { return call.body == "o wo" ? complaint(503, "ServerBusy") : answer(201); });
  auto storage = at(server, {.largest_put = 4, .block = 4});
  EXPECT_EQ(put(storage, kPack, as_bytes("hello world")).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(server.calls().size(), 2u);
}

TEST(AzureStorage, DoesNotBelieveAYesToSomethingElse) {
  for (const int status : {200, 202}) {
    std::atomic<bool> there = false;
    Server server([&](const Server::Call& call) {
      if (!call.line().starts_with("HEAD")) return answer(status);
      return there ? kFound : std::string("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    for (const uint64_t largest_put : {100, 2}) {
      there = false;
      auto storage = at(server, {.largest_put = largest_put, .block = 2});
      EXPECT_EQ(put(storage, kPack, as_bytes("four")).error().kind(), ErrorKind::kUnavailable) << status;
      there = true;
      EXPECT_TRUE(put(storage, kPack, as_bytes("four"))) << status;
    }
  }
}

TEST(AzureStorage, SaysThatAFileIsThere) {
  Server server([](const Server::Call&) { return complaint(409, "BlobAlreadyExists"); });
  auto storage = at(server);
  EXPECT_EQ(put(storage, kPack, as_bytes("bytes")).error().kind(), ErrorKind::kExists);
}

TEST(AzureStorage, FindsThatWhatItSentTwiceHadArrived) {
  std::atomic<int> puts = 0;
  Server server([&](const Server::Call& call) -> std::string {
    if (call.line().starts_with("HEAD")) return kFound;
    return ++puts == 1 ? answer(201) : puts == 2 ? "" : complaint(409, "BlobAlreadyExists");
  });
  auto storage = at(server);
  ASSERT_TRUE(put(storage, testing::kConfig, as_bytes("config"))) << "so that the connection is a kept one";
  EXPECT_TRUE(put(storage, kPack, as_bytes("four")));
}

TEST(AzureStorage, MakesUpForAWrongClock) {
  const std::string date = "Date: Fri, 24 May 2013 00:00:00 GMT\r\n";
  Server server([&](const Server::Call& call) {
    return call.head.find("x-ms-date: Fri, 24 May 2013 00:0") != std::string::npos
               ? answer(201, "", date)
               : complaint(403, "AuthenticationFailed", date);
  });
  auto storage = at(server);
  EXPECT_TRUE(put(storage, kPack, as_bytes("bytes")));
  EXPECT_TRUE(put(storage, kPack, as_bytes("bytes")));
  EXPECT_EQ(server.calls().size(), 3u) << "and keeps it";
}

TEST(AzureStorage, SaysThatAClockIsWrongWhereThatDoesNotHelp) {
  Server server([&](const Server::Call&) {
    return complaint(403, "AuthenticationFailed", "Date: Fri, 24 May 2013 00:00:00 GMT\r\n");
  });
  auto storage = at(server);
  const auto stored = put(storage, kPack, as_bytes("bytes"));
  EXPECT_NE(stored.error().message().find("minutes behind this machine's"), std::string::npos);
  EXPECT_EQ(stored.error().kind(), ErrorKind::kDenied);
}

std::string page(const std::string& blobs, const std::string& marker = "<NextMarker />") {
  return "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"cont\"><Blobs>" +
         blobs + "</Blobs>" + marker + "</EnumerationResults>";
}
std::string blob(const std::string& name, int size) {
  return "<Blob><Name>shop/data/" + name + "</Name><Properties><Content-Length>" + std::to_string(size) +
         "</Content-Length></Properties></Blob>";
}

TEST(AzureStorage, ListsPageAfterPageEmptyOnesToo) {
  const std::string other(64, 'b');
  Server server([&](const Server::Call& call) {
    const auto line = call.line();
    if (line.find("marker=b%21") != std::string::npos)
      return answer(200, page(blob("bb/" + other, 2) + blob("foreign", 1)));
    if (line.find("marker=a") != std::string::npos) return answer(200, page("", "<NextMarker>b!</NextMarker>"));
    return answer(200, page(blob("aa/" + kName, 1), "<NextMarker>a</NextMarker>"));
  });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack), (std::map<Id, uint64_t>{{kPack.id, 1}, {*Id::parse(other), 2}}));
  EXPECT_EQ(server.calls()[0].line(),
            "GET /account/cont?comp=list&maxresults=5000&prefix=shop%2Fdata%2F&restype=container HTTP/1.1");
}

TEST(AzureStorage, EndsWherePagesGoRoundInACircle) {
  std::atomic<int> pages = 0;
  Server server([&](const Server::Call&) {
    return answer(200, page("", std::string("<NextMarker>") + (++pages % 2 == 1 ? "a" : "b") + "</NextMarker>"));
  });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(pages, 3);
}

TEST(AzureStorage, BelievesNoListingThatIsNone) {
  std::string body;
  Server server([&](const Server::Call&) { return answer(200, body); });
  auto storage = at(server);
  for (const auto& text : {std::string(), std::string("<html/>"), page(blob(kName, 1), ""),
                           page("<Blob><Name>x</Name></Blob>"), page(blob(kName, 1)).substr(0, 250)}) {
    body = text;
    const auto found = testing::listed(storage, FileType::kPack);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().kind(), ErrorKind::kUnavailable) << text;
  }
}

TEST(AzureStorage, BelievesNoOtherPartOfAFileThanItAskedFor) {
  std::string reply;
  Server server([&](const Server::Call& call) { return call.line().starts_with("HEAD") ? kFound : reply; });
  auto storage = at(server);
  const auto part = [](const std::string& range) {
    return "HTTP/1.1 206 Partial\r\nContent-Length: 2\r\nContent-Range: bytes " + range + "\r\n\r\nab";
  };
  reply = part("1-2/4");
  EXPECT_EQ(storage.get(kPack, 1, 2, Cancel()), to_bytes(as_bytes("ab")));
  for (const auto& wrong : {part("0-1/4"), part("1-3/4"), part("x"), answer(206, "ab"), answer(206)}) {
    reply = wrong;
    const auto got = storage.get(kPack, 1, 2, Cancel());
    ASSERT_FALSE(got) << wrong;
    EXPECT_EQ(got.error().kind(), ErrorKind::kUnavailable) << wrong;
  }
}

TEST(AzureStorage, TakesNoMissingContainerForAnEmptyOne) {
  Server server([&](const Server::Call& call) {
    return call.line().starts_with("HEAD")
               ? std::string(
                     "HTTP/1.1 404 Not Found\r\nx-ms-error-code: ContainerNotFound\r\nContent-Length: 0\r\n\r\n")
               : complaint(404, "ContainerNotFound");
  });
  auto storage = at(server);
  for (const FileType type : {FileType::kConfig, FileType::kPack, FileType::kLock}) {
    EXPECT_EQ(testing::listed(storage, type).error().kind(), ErrorKind::kNotFound);
  }
}

TEST(AzureStorage, SaysWhatIsWrongAndWhatToDo) {
  std::string reply;
  Server server([&](const Server::Call&) { return reply; });
  auto storage = at(server);
  struct Case {
    int status;
    const char* code;
    ErrorKind kind;
    const char* words;
  };
  for (const auto& [status, code, kind, words] :
       {Case{403, "AuthenticationFailed", ErrorKind::kDenied, "the key is not that of the account"},
        Case{403, "AuthorizationFailure", ErrorKind::kDenied, "not allowed"},
        Case{403, "KeyBasedAuthenticationNotPermitted", ErrorKind::kDenied, "takes no keys"},
        Case{404, "ContainerNotFound", ErrorKind::kNotFound, "no such container"},
        Case{409, "BlobImmutableDueToPolicy", ErrorKind::kDenied, "a policy of the container"},
        Case{409, "BlobArchived", ErrorKind::kUnsupported, "archive tier"},
        Case{409, "ContainerBeingDeleted", ErrorKind::kUnavailable, "is being removed"},
        Case{503, "ServerBusy", ErrorKind::kUnavailable, "too busy"},
        Case{500, "OperationTimedOut", ErrorKind::kUnavailable, "500"},
        Case{400, "Md5Mismatch", ErrorKind::kUnavailable, "other bytes arrived"},
        Case{413, "RequestBodyTooLarge", ErrorKind::kUnsupported, "no file of that size"},
        Case{400, "InvalidResourceName", ErrorKind::kInvalidInput, "no such name"},
        Case{400, "InvalidHeaderValue", ErrorKind::kUnsupported, "(InvalidHeaderValue: words)"}}) {
    reply = complaint(status, code);
    const auto stored = put(storage, kPack, as_bytes("x"));
    ASSERT_FALSE(stored) << code;
    EXPECT_EQ(stored.error().kind(), kind) << code;
    EXPECT_NE(stored.error().message().find(words), std::string::npos) << stored.error().message();
  }
}

TEST(AzureStorage, KeepsItsSignatureOutOfWhatItSays) {
  std::string reply = complaint(403, "AuthenticationFailed");
  Server server([&](const Server::Call&) { return reply; });
  auto storage = at(server, {}, "sv=1&sig=hidden");
  const auto denied = storage.stat(kPack, Cancel()).error();
  EXPECT_NE(denied.message().find("signature is not valid"), std::string::npos) << denied.message();
  reply = answer(302, "", "Location: https://elsewhere/cont?sig=hidden\r\n");
  const auto moved = storage.get(kPack, 0, 0, Cancel()).error();
  ASSERT_EQ(moved.hints().size(), 1u);
  for (const auto& error : {denied, moved}) {
    EXPECT_EQ(error.message().find("hidden"), std::string::npos);
    for (const auto& hint : error.hints()) EXPECT_EQ(hint.find("hidden"), std::string::npos) << hint;
  }
}

TEST(AzureStorage, SaysThatTheTimeOfASignatureIsOverByTheServersClock) {
  std::string reply;
  Server server([&](const Server::Call&) { return reply; });
  const auto denied = [&](const std::string& code, const std::string& sas, const std::string& date) {
    reply = complaint(403, code, "Date: " + date + "\r\n");
    return at(server, {}, sas).stat(kPack, Cancel()).error().message();
  };
  const std::string before = "Fri, 24 May 2013 09:59:59 GMT", after = "Fri, 24 May 2013 10:00:00 GMT";
  const std::string words = "was over at 2013-05-24 10:00:00 UTC";
  for (const char* code : {"AuthenticationFailed", "AuthorizationFailure"}) {
    for (const char* sas : {"se=2013-05-24T10%3A00%3A00Z&sig=x", "sv=1&se=2013-05-24T10:00:00Z"}) {
      EXPECT_NE(denied(code, sas, after).find(words), std::string::npos) << code << sas;
      EXPECT_EQ(denied(code, sas, before).find("was over"), std::string::npos) << code << sas;
    }
    EXPECT_EQ(denied(code, "sv=1&si=policy&sig=x", after).find("was over"), std::string::npos) << code;
  }
}

TEST(AzureOptions, TakesTiersInAnyCase) {
  EXPECT_EQ(AzureOptions::parse_tier(""), "");
  EXPECT_EQ(AzureOptions::parse_tier("hOT"), "Hot");
  EXPECT_EQ(AzureOptions::parse_tier("cold"), "Cold");
  EXPECT_EQ(AzureOptions::parse_tier("Archive").error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(AzureOptions::parse_tier("warm").error().kind(), ErrorKind::kInvalidInput);
}

}  // namespace
}  // namespace varve::storage
