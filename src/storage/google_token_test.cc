#include "storage/google_token.h"

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include <gtest/gtest.h>

#include "net/testing/server.h"
#include "storage/google.h"
#include "storage/testing/helpers.h"
#include "storage/testing/rsa_key.h"
#include "storage/testing/set_clock.h"

namespace varve::storage {
namespace {

using net::testing::answer;
using net::testing::Server;
using testing::SetClock;
using Kind = GoogleLogin::Kind;

std::string token(int number, int lasts = 3600) {
  return answer(200,
                R"({"access_token":"t)" + std::to_string(number) + R"(","expires_in":)" + std::to_string(lasts) + "}");
}

GoogleLogin service_at(const Server& server) {
  return {.kind = Kind::kServiceAccount,
          .email = "shop@project.example",
          .key_id = "k1",
          .private_key = testing::rsa_key(),
          .token_url = server.url() + "/token"};
}

TEST(GoogleAssertion, NamesTheAccountAndIsSigned) {
  GoogleLogin login{.email = "shop@project.example",
                    .key_id = "k1",
                    .private_key = testing::rsa_key(),
                    .token_url = "https://host/token"};
  // Made by Python's standard library and `openssl dgst -sha256 -sign`.
  EXPECT_EQ(google_assertion(login, Time(std::chrono::seconds(1'800'000'000))), testing::kAssertion);
  login.private_key = "none";
  EXPECT_EQ(google_assertion(login, Time()).error().kind(), ErrorKind::kInvalidInput);
}

TEST(GoogleToken, IsGotOnceForAllThreadsAndRenewedBeforeItEnds) {
  std::atomic<int> given = 0;
  Server server([&](const Server::Call&) { return token(++given); });
  SetClock clock;
  GoogleToken source(service_at(server), {}, clock);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        if (source.get("", Cancel()) != "t1") ++wrong;
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  clock.go_on(3300);
  EXPECT_EQ(source.get("", Cancel()), "t1");
  clock.go_on(100);
  EXPECT_EQ(source.get("", Cancel()), "t2");
  EXPECT_EQ(given, 2);
  const auto call = server.calls()[0];
  EXPECT_EQ(call.line(), "POST /token HTTP/1.1");
  EXPECT_TRUE(call.body.starts_with("assertion=ey")) << call.body;
  EXPECT_TRUE(call.body.ends_with("&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer")) << call.body;
}

TEST(GoogleToken, FailsOnceForAllWhoWaitAndLeavesAlone) {
  std::atomic<int> asked = 0;
  std::atomic<bool> answers = false;
  Server server([&](const Server::Call&) {
    ++asked;
    while (!answers) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return answer(503);
  });
  GoogleToken source(service_at(server), {});
  std::atomic<int> failed = 0;
  const auto wait_for = [&](const Cancel& cancel, ErrorKind kind) {
    const auto got = source.get("", cancel);
    if (!got && got.error().kind() == kind) ++failed;
  };
  std::stop_source stop;
  std::jthread first([&] { wait_for(Cancel(), ErrorKind::kUnavailable); });
  while (asked == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  {
    std::jthread impatient([&] { wait_for(Cancel(stop.get_token()), ErrorKind::kCancelled); });
    stop.request_stop();
  }
  EXPECT_EQ(failed, 1) << "while the server is still to answer";
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { wait_for(Cancel(), ErrorKind::kUnavailable); });
  std::this_thread::sleep_for(std::chrono::seconds(1));
  answers = true;
  threads.clear();
  first.join();
  EXPECT_EQ(failed, 6);
  EXPECT_LT(asked, 5) << "those who came too late for the first answer ask together, too";
}

TEST(GoogleToken, LastsToItsEndWhereNoOtherIsToBeHad) {
  std::atomic<int> asked = 0;
  Server server([&](const Server::Call&) { return ++asked == 1 ? token(1) : answer(503); });
  SetClock clock;
  GoogleToken source(service_at(server), {}, clock);
  EXPECT_EQ(source.get("", Cancel()), "t1");
  clock.go_on(3500);
  EXPECT_EQ(source.get("", Cancel()), "t1");
  clock.go_on(200);
  EXPECT_EQ(source.get("", Cancel()).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(asked, 3);
}

TEST(GoogleToken, IsReplacedWhenItWasRefused) {
  std::atomic<int> given = 0;
  Server server([&](const Server::Call&) { return token(++given); });
  GoogleToken source(service_at(server), {});
  EXPECT_EQ(source.get("", Cancel()), "t1");
  EXPECT_EQ(source.get("an older one", Cancel()), "t1");
  EXPECT_EQ(source.get("t1", Cancel()), "t2");
  GoogleToken fixed({.kind = Kind::kToken, .token = "t"}, {});
  EXPECT_EQ(fixed.get("t", Cancel()), "t");
}

TEST(GoogleToken, OfAMachineComesFromItsMetadata) {
  Server server([](const Server::Call&) {
    return answer(200, R"({"access_token":"t1","expires_in":3600})", "Metadata-Flavor: Google\r\n");
  });
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("no_proxy", "", 1);
  GoogleToken source({.kind = Kind::kMetadata, .token_url = server.url() + "/token"}, {});
  EXPECT_EQ(source.get("", Cancel()), "t1");
  EXPECT_EQ(server.calls()[0].line(), "GET /token HTTP/1.1");
  EXPECT_NE(server.calls()[0].head.find("metadata-flavor: Google\r\n"), std::string::npos);
  unsetenv("http_proxy");
  unsetenv("no_proxy");
  GoogleToken nowhere({.kind = Kind::kMetadata, .token_url = "http://127.0.0.1:1/token"}, {});
  EXPECT_EQ(nowhere.get("", Cancel()).error().kind(), ErrorKind::kDenied);
  Server another([](const Server::Call&) { return token(1); });
  GoogleToken elsewhere({.kind = Kind::kMetadata, .token_url = another.url() + "/token"}, {});
  EXPECT_EQ(elsewhere.get("", Cancel()).error().kind(), ErrorKind::kDenied) << "it does not say that it is metadata";
}

TEST(GoogleToken, ThatIsRefusedIsToldWithoutSecrets) {
  std::string reply = answer(400, R"({"error":"invalid_grant","error_description":"Token has been revoked."})");
  Server server([&](const Server::Call&) { return reply; });
  GoogleToken source({.kind = Kind::kUser,
                      .client_id = "i",
                      .client_secret = "hidden",
                      .refresh_token = "hidden",
                      .token_url = server.url() + "/"},
                     {});
  const auto refused = source.get("", Cancel()).error();
  EXPECT_EQ(refused.kind(), ErrorKind::kDenied);
  EXPECT_NE(refused.message().find("invalid_grant: Token has been revoked."), std::string::npos) << refused.message();
  EXPECT_EQ(refused.message().find("hidden"), std::string::npos);
  for (const auto& strange : {answer(200, "{}"), answer(200, "x"), answer(200, R"({"access_token":7})"), answer(500)}) {
    reply = strange;
    EXPECT_EQ(source.get("", Cancel()).error().kind(), ErrorKind::kUnavailable) << strange;
  }
}

TEST(GoogleToken, SaysThatTheClockIsWrong) {
  Server server([](const Server::Call&) {
    return answer(400, R"({"error":"invalid_grant"})", "Date: Fri, 24 May 2013 00:00:00 GMT\r\n");
  });
  GoogleToken source(service_at(server), {});
  EXPECT_NE(source.get("", Cancel()).error().message().find("minutes behind this machine's"), std::string::npos);
}

TEST(GoogleToken, IsReplacedWhereTheStorageTakesItNoMore) {
  std::atomic<int> given = 0;
  Server tokens([&](const Server::Call&) { return token(++given); });
  Server server([](const Server::Call& call) {
    return call.head.find("Bearer t2\r\n") == std::string::npos ? answer(401) : answer(200, R"({"size":"4"})");
  });
  GoogleStorage storage(*BucketPlace::parse("gs", "bucket:/"), service_at(tokens), {.endpoint = server.url()}, {}, 1);
  EXPECT_EQ(storage.stat(testing::kConfig, Cancel()), 4u);
  EXPECT_EQ(given, 2);
}

}  // namespace
}  // namespace varve::storage
