#include "storage/s3.h"

#include <atomic>

#include <gtest/gtest.h>

#include "net/testing/server.h"
#include "storage/s3_answers.h"
#include "storage/testing/helpers.h"

namespace varve::storage {
namespace {

using net::testing::answer;
using net::testing::Server;
using testing::put;

S3Storage at(const Server& server, const std::string& prefix = "shop") {
  return S3Storage(*S3Place::parse(server.url() + "/bucket/" + prefix), {.keys = {"key", "secret", ""}}, {}, 1);
}

std::string complaint(const std::string& code, const std::string& more = "") {
  return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>words</Message>" + more + "</Error>";
}

const std::string kName(64, 'a');
const Handle kPack{FileType::kPack, *Id::parse(kName)};
const std::string kFound = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
const std::string kMissing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

TEST(S3Storage, StoresByTheHashAndNothingTwice) {
  Server server([](const Server::Call&) { return answer(200); });
  auto storage = at(server);
  ASSERT_TRUE(put(storage, kPack, as_bytes("bytes")));
  const auto call = server.calls()[0];
  EXPECT_EQ(call.line(), "PUT /bucket/shop/data/aa/" + kName + " HTTP/1.1");
  EXPECT_EQ(call.body, "bytes");
  EXPECT_NE(call.head.find("if-none-match: *\r\n"), std::string::npos);
  EXPECT_NE(call.head.find("x-amz-content-sha256: " + kName), std::string::npos);
  EXPECT_NE(call.head.find("SignedHeaders=content-type;host;if-none-match;x-amz-checksum-sha256;"), std::string::npos);
}

TEST(S3Storage, AsksFirstWhereTheServerKnowsNoCondition) {
  Server server([](const Server::Call& call) {
    if (call.line().starts_with("HEAD")) return kMissing;
    return call.head.find("if-none-match") == std::string::npos ? answer(200)
                                                                : answer(501, complaint("NotImplemented"));
  });
  auto storage = at(server);
  ASSERT_TRUE(put(storage, kPack, as_bytes("bytes")));
  ASSERT_TRUE(put(storage, kPack, as_bytes("bytes")));
  std::string asked;
  for (const auto& call : server.calls()) asked += call.line().substr(0, 1);
  EXPECT_EQ(asked, "PHPHP");
}

TEST(S3Storage, SaysThatAFileIsThere) {
  Server server([](const Server::Call&) { return answer(412, complaint("PreconditionFailed")); });
  auto storage = at(server);
  EXPECT_EQ(put(storage, kPack, as_bytes("bytes")).error().kind(), ErrorKind::kExists);
}

TEST(S3Storage, FindsThatWhatItSentTwiceHadArrived) {
  std::atomic<int> puts = 0;
  Server server([&](const Server::Call& call) -> std::string {
    if (call.line().starts_with("HEAD")) return kFound;
    return ++puts == 1 ? answer(200) : puts == 2 ? "" : answer(412);
  });
  auto storage = at(server);
  ASSERT_TRUE(put(storage, testing::kConfig, as_bytes("config"))) << "so that the connection is a kept one";
  EXPECT_TRUE(put(storage, kPack, as_bytes("four")));
}

TEST(S3Storage, LearnsTheRegionFromAComplaint) {
  Server server([](const Server::Call& call) {
    if (call.head.find("/eu-north-1/s3/") != std::string::npos) {
      if (call.line().starts_with("HEAD")) return kFound;
      return answer(200, "<LocationConstraint>eu-north-1</LocationConstraint>");
    }
    if (call.line().starts_with("HEAD")) return std::string("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    return answer(400, complaint("AuthorizationHeaderMalformed", "<Region>eu-north-1</Region>"));
  });
  auto storage = at(server);
  EXPECT_EQ(storage.stat(kPack, Cancel()), 4u);
  const size_t asked = server.calls().size();
  EXPECT_EQ(storage.stat(kPack, Cancel()), 4u);
  EXPECT_EQ(server.calls().size(), asked + 1) << "and keeps it";
}

TEST(S3Storage, LearnsTheRegionFromAHeader) {
  Server server([](const Server::Call& call) {
    return call.head.find("/eu-west-3/s3/") != std::string::npos
               ? kFound
               : std::string("HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\nContent-Length: 0\r\n\r\n");
  });
  auto storage = at(server);
  EXPECT_EQ(storage.stat(kPack, Cancel()), 4u);
}

TEST(S3Storage, TakesNothingForARegionThatIsNone) {
  Server server([](const Server::Call&) {
    return answer(400, complaint("AuthorizationHeaderMalformed", "<Region>evil.example/</Region>"));
  });
  auto storage = at(server);
  EXPECT_FALSE(put(storage, kPack, as_bytes("bytes")));
  EXPECT_EQ(server.calls().size(), 1u) << "not asked again";
}

TEST(S3Storage, MakesUpForAWrongClock) {
  const std::string date = "Date: Fri, 24 May 2013 00:00:00 GMT\r\n";
  Server server([&](const Server::Call& call) {
    return call.head.find("x-amz-date: 20130524T0000") != std::string::npos
               ? answer(200, "", date)
               : answer(403, complaint("RequestTimeTooSkewed"), date);
  });
  auto storage = at(server);
  EXPECT_TRUE(put(storage, kPack, as_bytes("bytes")));
}

TEST(S3Storage, SaysThatAClockIsWrongWhereThatDoesNotHelp) {
  Server server([&](const Server::Call&) {
    return answer(403, complaint("RequestTimeTooSkewed"), "Date: Fri, 24 May 2013 00:00:00 GMT\r\n");
  });
  auto storage = at(server);
  const auto stored = put(storage, kPack, as_bytes("bytes"));
  EXPECT_NE(stored.error().message().find("minutes behind this machine's"), std::string::npos);
  EXPECT_EQ(stored.error().kind(), ErrorKind::kDenied);
}

std::string page(const std::string& keys, const std::string& more = "") {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult "
         "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
         keys + more + "</ListBucketResult>";
}
std::string object(const std::string& name, int size) {
  return "<Contents><Key>shop/data/" + name + "</Key><Size>" + std::to_string(size) + "</Size></Contents>";
}

TEST(S3Storage, ListsPageAfterPage) {
  const std::string other(64, 'b');
  Server server([&](const Server::Call& call) {
    if (call.line().find("continuation-token=t%2F1%3D&") != std::string::npos) {
      return answer(200, page(object("bb/" + other, 2) + object("a+foreign%20one", 1)));
    }
    return answer(200, page(object("aa/" + kName, 1),
                            "<IsTruncated>true</IsTruncated>"
                            "<NextContinuationToken>t/1=</NextContinuationToken>"));
  });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack), (std::map<Id, uint64_t>{{kPack.id, 1}, {*Id::parse(other), 2}}));
  EXPECT_EQ(server.calls()[0].line(), "GET /bucket/?encoding-type=url&list-type=2&prefix=shop%2Fdata%2F HTTP/1.1");
}

TEST(S3Storage, EndsWherePagesGoRoundInACircle) {
  std::atomic<int> pages = 0;
  Server server([&](const Server::Call&) {
    const std::string token = ++pages % 2 == 1 ? "a" : "b";
    return answer(
        200, page("", "<IsTruncated>true</IsTruncated><NextContinuationToken>" + token + "</NextContinuationToken>"));
  });
  auto storage = at(server);
  EXPECT_EQ(testing::listed(storage, FileType::kPack).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(pages, 3);
}

TEST(S3Storage, BelievesNoListingThatIsNone) {
  std::string body;
  Server server([&](const Server::Call&) { return answer(200, body); });
  auto storage = at(server);
  const std::string token = "<NextContinuationToken>t</NextContinuationToken>";
  for (const auto& text :
       {std::string(), std::string("<html/>"), page(object(kName, 1), "<IsTruncated>true</IsTruncated>"),
        page("", "<IsTruncated>true</IsTruncated>" + token), page("<Contents><Key>x</Key></Contents>"),
        page(object(kName, 1)).substr(0, 150)}) {
    body = text;
    const auto found = testing::listed(storage, FileType::kPack);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().kind(), ErrorKind::kUnavailable) << text;
  }
}

std::vector<Handle> packs(std::initializer_list<char> names) {
  std::vector<Handle> out;
  for (const char name : names) out.push_back({FileType::kPack, *Id::parse(std::string(64, name))});
  return out;
}
std::string key(char name) {
  return "shop &amp; co/data/" + std::string(2, name) + '/' + std::string(64, name);
}

TEST(S3Storage, StoresInTheClassThatIsNamed) {
  Server server([](const Server::Call&) { return answer(200); });
  S3Storage storage(*S3Place::parse(server.url() + "/bucket/"), {.keys = {"key", "secret", ""}}, {}, 1, "STANDARD_IA");
  ASSERT_TRUE(testing::put(storage, kPack, as_bytes("bytes")));
  const auto head = server.calls()[0].head;
  EXPECT_NE(head.find("x-amz-storage-class: STANDARD_IA\r\n"), std::string::npos);
  EXPECT_NE(head.find(";x-amz-storage-class"), std::string::npos) << "it is signed";
}

TEST(S3Place, NamesTheBucketAsItIsTold) {
  auto place = *S3Place::parse("s3.eu-west-1.amazonaws.com/bucket");
  place.lookup = S3Place::Lookup::kPath;
  EXPECT_EQ(place.bucket_url("eu-west-1"), "https://s3.eu-west-1.amazonaws.com/bucket/");
  auto other = *S3Place::parse("host/bucket");
  other.lookup = S3Place::Lookup::kHost;
  EXPECT_EQ(other.bucket_url(""), "https://bucket.host/");
}

TEST(S3Storage, RemovesSeveralByOneRequest) {
  Server server([](const Server::Call&) {
    return answer(200, "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Deleted><Key>" + key('a') +
                           "</Key></Deleted><Error><Key>" + key('b') +
                           "</Key><Code>AccessDenied</Code><Message>no</Message></Error><Error><Key>" + key('c') +
                           "</Key><Code>NoSuchKey</Code></Error><Error><Key>" + key('d') +
                           "</Key><Code>SlowDown</Code></Error></DeleteResult>");
  });
  auto storage = at(server, "shop & co");
  EXPECT_EQ(storage.removes_at_once(), 1000u);
  const auto outcomes = storage.remove_some(packs({'a', 'b', 'c', 'd', 'e'}), Cancel());
  ASSERT_EQ(outcomes.size(), 5u);
  EXPECT_TRUE(outcomes[0]);
  EXPECT_EQ(outcomes[1].error().kind(), ErrorKind::kDenied);
  EXPECT_NE(outcomes[1].error().message().find("data/bb/"), std::string::npos);
  EXPECT_NE(outcomes[1].error().hints().at(0).find("append-only"), std::string::npos);
  EXPECT_TRUE(outcomes[2]) << "it was not there";
  EXPECT_EQ(outcomes[3].error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(outcomes[4].error().kind(), ErrorKind::kUnavailable) << "of which nothing is said";
  EXPECT_FALSE(storage.keeps_removed());
  const auto call = server.calls()[0];
  EXPECT_EQ(server.calls().size(), 1u);
  EXPECT_EQ(call.line(), "POST /bucket/?delete= HTTP/1.1");
  EXPECT_NE(call.head.find("content-md5: "), std::string::npos);
  EXPECT_TRUE(call.body.starts_with("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>" +
                                    key('a') + "</Key></Object><Object>"))
      << call.body;
}

TEST(S3Storage, TellsThatABucketKeepsVersions) {
  bool marked = false;
  Server server([&](const Server::Call& call) {
    const std::string headers = marked ? "x-amz-delete-marker: true\r\n" : "";
    if (!call.line().starts_with("POST")) return call.line().starts_with("HEAD") ? kFound : answer(200, "", headers);
    return answer(200, "<DeleteResult><Deleted><Key>" + key('a') + "</Key><DeleteMarker>true</DeleteMarker></Deleted>" +
                           "<Deleted><Key>" + key('b') + "</Key></Deleted></DeleteResult>");
  });
  {
    auto storage = at(server, "shop & co");
    ASSERT_TRUE(storage.remove(kPack, Cancel()));
    EXPECT_FALSE(storage.keeps_removed());
    marked = true;
    ASSERT_TRUE(storage.remove(kPack, Cancel()));
    EXPECT_TRUE(storage.keeps_removed());
  }
  auto other = at(server, "shop & co");
  for (const auto& outcome : other.remove_some(packs({'a', 'b'}), Cancel())) EXPECT_TRUE(outcome);
  EXPECT_TRUE(other.keeps_removed());
}

TEST(S3Storage, RemovesOneByOneWhereTheServerKnowsNoOtherWay) {
  for (const int status : {405, 501}) {
    Server server([&](const Server::Call& call) {
      if (call.line().starts_with("POST")) return answer(status, complaint("MethodNotAllowed"));
      return call.line().starts_with("HEAD") ? kFound : answer(204);
    });
    auto storage = at(server);
    for (const auto& outcome : storage.remove_some(packs({'a', 'b'}), Cancel())) EXPECT_TRUE(outcome) << status;
    EXPECT_EQ(storage.removes_at_once(), 1u);
    EXPECT_EQ(server.calls().size(), 3u);
  }
}

TEST(S3Storage, RemovesOneByOneWhatAServerDoesNotSayOrARequestThatNobodyLetsThrough) {
  for (const auto& reply : {answer(200, "<DeleteResult/>"), answer(403), answer(404)}) {
    Server server([&](const Server::Call& call) { return call.line().starts_with("POST") ? reply : answer(204); });
    auto storage = at(server);
    for (const auto& outcome : storage.remove_some(packs({'a', 'b'}), Cancel())) EXPECT_TRUE(outcome) << reply;
    EXPECT_EQ(server.calls().size(), 3u);
  }
}

TEST(S3Storage, AsksNoFurtherWhereAServerStops) {
  Server server([&](const Server::Call& call) { return answer(call.line().starts_with("POST") ? 501 : 503); });
  auto storage = at(server);
  for (const auto& outcome : storage.remove_some(packs({'a', 'b', 'c'}), Cancel())) {
    EXPECT_EQ(outcome.error().kind(), ErrorKind::kUnavailable);
  }
  EXPECT_EQ(server.calls().size(), 2u);
}

TEST(S3Storage, ASingleFileThatMayBeGoneIsRemovedByOneRequest) {
  Server server([](const Server::Call&) { return answer(204); });
  EXPECT_TRUE(at(server).remove_some(packs({'a'}), Cancel()).front());
  EXPECT_EQ(server.calls().size(), 1u);
}

TEST(S3Storage, BelievesNoRemovalThatIsNone) {
  std::string reply;
  Server server([&](const Server::Call&) { return reply; });
  auto storage = at(server);
  for (const auto& text : {answer(200), answer(200, "<html/>"), answer(200, complaint("InternalError")), answer(503)}) {
    reply = text;
    for (const auto& outcome : storage.remove_some(packs({'a', 'b'}), Cancel())) {
      ASSERT_FALSE(outcome) << text;
      EXPECT_EQ(outcome.error().kind(), ErrorKind::kUnavailable) << text;
    }
  }
  reply = answer(403, complaint("AccessDenied"));
  for (const auto& outcome : storage.remove_some(packs({'a', 'b'}), Cancel())) {
    EXPECT_EQ(outcome.error().kind(), ErrorKind::kDenied);
  }
}

TEST(S3Storage, AsksSomethingElseWhereAnAnswerToHeadCannotTellWhy) {
  Server server([](const Server::Call& call) {
    if (call.line().starts_with("HEAD")) return std::string("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    return answer(403, complaint("InvalidAccessKeyId"));
  });
  auto storage = at(server);
  const auto error = storage.stat(kPack, Cancel()).error();
  EXPECT_EQ(error.kind(), ErrorKind::kDenied);
  EXPECT_EQ(error.message().find("does not say why"), std::string::npos) << error.message();
  EXPECT_NE((error.message() + (error.hints().empty() ? "" : error.hints().front())).find("AWS_ACCESS_KEY_ID"),
            std::string::npos)
      << error.message();
}

TEST(S3Storage, TakesNoMissingBucketForAnEmptyOne) {
  Server server([&](const Server::Call& call) {
    return call.line().starts_with("HEAD") ? kMissing : answer(404, complaint("NoSuchBucket"));
  });
  auto storage = at(server);
  for (const FileType type : {FileType::kConfig, FileType::kPack, FileType::kLock}) {
    EXPECT_EQ(testing::listed(storage, type).error().kind(), ErrorKind::kNotFound);
  }
}

TEST(S3Storage, SaysWhatIsWrongAndWhatToDo) {
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
       {Case{403, "SignatureDoesNotMatch", ErrorKind::kDenied, "the secret key is wrong"},
        Case{403, "InvalidAccessKeyId", ErrorKind::kDenied, "does not know the access key"},
        Case{400, "ExpiredToken", ErrorKind::kDenied, "has ended"},
        Case{403, "AccessDenied", ErrorKind::kDenied, "not allowed"},
        Case{404, "NoSuchBucket", ErrorKind::kNotFound, "no such bucket"},
        Case{503, "SlowDown", ErrorKind::kUnavailable, "too busy"},
        Case{500, "InternalError", ErrorKind::kUnavailable, "500"},
        Case{400, "BadDigest", ErrorKind::kUnavailable, "other bytes arrived"},
        Case{409, "ConditionalRequestConflict", ErrorKind::kUnavailable, "somebody else"},
        Case{507, "XMinioStorageFull", ErrorKind::kNoSpace, "no space"},
        Case{400, "InvalidArgument", ErrorKind::kUnsupported, "InvalidArgument: words"}}) {
    reply = answer(status, complaint(code));
    const auto stored = put(storage, kPack, as_bytes("x"));
    ASSERT_FALSE(stored) << code;
    EXPECT_EQ(stored.error().kind(), kind) << code;
    EXPECT_NE(stored.error().message().find(words), std::string::npos) << stored.error().message();
  }
}

TEST(S3Place, KnowsHostsThatHaveTheBucketInTheirName) {
  const auto url = [](const char* text, const char* region) { return S3Place::parse(text)->bucket_url(region); };
  EXPECT_EQ(url("s3.amazonaws.com/shop", "us-east-1"), "https://shop.s3.us-east-1.amazonaws.com/");
  EXPECT_EQ(url("s3.eu-west-1.amazonaws.com/shop", "eu-west-1"), "https://shop.s3.eu-west-1.amazonaws.com/");
  EXPECT_EQ(url("s3.eu-west-1.amazonaws.com/shop", "us-west-2"), "https://shop.s3.us-west-2.amazonaws.com/");
  EXPECT_EQ(url("s3.amazonaws.com/my.shop", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com/my.shop/");
  EXPECT_EQ(url("http://127.0.0.1:9000/shop", "us-east-1"), "http://127.0.0.1:9000/shop/");
  EXPECT_EQ(url("https://host:443/shop", "us-east-1"), "https://host/shop/");
  EXPECT_EQ(S3Place::parse("s3.eu-west-1.amazonaws.com/shop")->region_of_host(), "eu-west-1");
  EXPECT_EQ(S3Place::parse("s3-us-gov-west-1.amazonaws.com/shop")->region_of_host(), "us-gov-west-1");
  for (const char* host : {"s3", "s3-accelerate", "s3.eu-west", "s3.eu-1", "s3.x.eu-west-1", "s3-fips.us-east-1"}) {
    EXPECT_EQ(S3Place::parse(std::string(host) + ".amazonaws.com/shop")->region_of_host(), "") << host;
  }
}

}  // namespace
}  // namespace varve::storage
