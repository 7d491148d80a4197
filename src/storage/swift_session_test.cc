#include "storage/swift_session.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "net/testing/server.h"

namespace varve::storage {
namespace {

using net::testing::answer;
using net::testing::Server;

OpenstackLogin login_at(const Server& server) {
  OpenstackLogin login;
  login.version = "1";
  login.auth_url = server.url() + "/auth/v1.0";
  login.user = "me";
  login.password = "secret";
  return login;
}

/// Each login gives another token.
std::string token(int number, const std::string& more = "") {
  return answer(200, "", "X-Storage-Url: http://host/v1/A\r\nX-Auth-Token: T" + std::to_string(number) + "\r\n" + more);
}

TEST(SwiftSession, LogsInOnceForAll) {
  constexpr int kThreads = 8;
  std::atomic<int> logins = 0;
  Server server([&](const Server::Call&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return token(++logins);
  });
  net::Client client({});
  SwiftSession session(login_at(server), client);
  const auto by_all = [&](const SwiftSession::Access& refused) {
    std::atomic<int> good = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        const auto access = session.access(refused, Cancel());
        if (access && (*access)->token == "T" + std::to_string(logins)) ++good;
      });
    }
    threads.clear();
    return good.load();
  };
  EXPECT_EQ(by_all(nullptr), kThreads);
  EXPECT_EQ(logins, 1);
  const auto first = *session.access(nullptr, Cancel());
  EXPECT_EQ(by_all(first), kThreads);
  EXPECT_EQ(logins, 2) << "of all whose token was refused one logs in";
  EXPECT_EQ((*session.access(first, Cancel()))->token, "T2") << "who comes late with the old one gets the new one";
  EXPECT_EQ(logins, 2);
}

TEST(SwiftSession, GivesItsFailureToAllWhoWait) {
  std::atomic<int> logins = 0;
  Server server([&](const Server::Call&) {
    ++logins;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return answer(401);
  });
  net::Client client({});
  SwiftSession session(login_at(server), client);
  std::atomic<int> denied = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto access = session.access(nullptr, Cancel());
        if (!access && access.error().kind() == ErrorKind::kDenied) ++denied;
      });
    }
  }
  EXPECT_EQ(denied, 4);
  EXPECT_LT(logins, 4);
}

TEST(SwiftSession, LogsInAgainBeforeTheTokenIsOver) {
  std::atomic<int> logins = 0;
  Server server([&](const Server::Call&) { return token(++logins, "X-Auth-Token-Expires: 1\r\n"); });
  net::Client client({});
  SwiftSession session(login_at(server), client);
  ASSERT_TRUE(session.access(nullptr, Cancel()));
  std::this_thread::sleep_for(std::chrono::milliseconds(550));
  EXPECT_EQ((*session.access(nullptr, Cancel()))->token, "T2");
}

TEST(SwiftSession, DoesNotTakeATokenForOverThatSeemsToBeFromTheBeginning) {
  std::atomic<int> logins = 0;
  Server server([&](const Server::Call&) { return token(++logins, "X-Auth-Token-Expires: 0\r\n"); });
  net::Client client({});
  SwiftSession session(login_at(server), client);
  for (int i = 0; i < 3; ++i) EXPECT_EQ((*session.access(nullptr, Cancel()))->token, "T1");
}

TEST(SwiftSession, CannotMakeATokenThatItWasGiven) {
  OpenstackLogin login;
  login.storage_url = "http://host/v1/A";
  login.token = "given";
  net::Client client({});
  SwiftSession session(login, client);
  const auto access = session.access(nullptr, Cancel());
  ASSERT_TRUE(access);
  EXPECT_EQ((*access)->token, "given");
  const auto again = session.access(*access, Cancel());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind(), ErrorKind::kDenied);
  EXPECT_EQ(again.error().message().find("given"), std::string::npos);
}

TEST(SwiftSession, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  net::Client client({});
  OpenstackLogin login;
  login.version = "1";
  login.auth_url = "http://127.0.0.1:9";
  SwiftSession session(login, client);
  EXPECT_EQ(session.access(nullptr, Cancel(stop.get_token())).error().kind(), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace varve::storage
