#include "net/http.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "net/testing/server.h"

namespace varve::net {
namespace {

using testing::answer;
using testing::Server;

Result<Response> send(const Request& request, ClientOptions options = {}) {
  Client client(std::move(options));
  return client.send(request, Cancel());
}

TEST(Client, GivesStatusHeadersAndBody) {
  Server server([](const Server::Call&) { return answer(200, "hello", "X-Some-Thing:  two words \r\n"); });
  const auto response = send({.url = server.url() + "/a%2Fb/../c?d=", .headers = {{"x-mine", "1"}}});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(as_text(response->body), "hello");
  EXPECT_EQ(response->header("x-some-thing"), "two words");
  EXPECT_EQ(response->header("none"), "");
  EXPECT_EQ(server.calls()[0].line(), "GET /a%2Fb/../c?d= HTTP/1.1") << "byte for byte what was signed";
  EXPECT_NE(server.calls()[0].head.find("x-mine: 1\r\n"), std::string::npos);
  EXPECT_NE(server.calls()[0].head.find("User-Agent: varve\r\n"), std::string::npos);
  EXPECT_EQ(server.calls()[0].head.find("Accept"), std::string::npos) << "nothing that was not signed";
}

TEST(Client, SendsAllPiecesOfABody) {
  Server server([](const Server::Call&) { return answer(200); });
  const std::string large(3 << 20, 'x');
  const ByteView pieces[] = {as_bytes("ab"), {}, as_bytes(large), as_bytes("cd")};
  for (const char* method : {"PUT", "POST"}) {
    ASSERT_TRUE(send({.method = method, .url = server.url() + "/", .body = pieces}));
    EXPECT_EQ(server.calls().back().body, "ab" + large + "cd");
    EXPECT_EQ(server.calls().back().line(), std::string(method) + " / HTTP/1.1");
    EXPECT_EQ(server.calls().back().head.find("Expect:"), std::string::npos);
  }
  ASSERT_TRUE(send({.method = "POST", .url = server.url()}));
  EXPECT_NE(server.calls().back().head.find("Content-Length: 0\r\n"), std::string::npos);
}

TEST(Client, BeginsABodyAgainWhereAKeptConnectionWasClosed) {
  std::atomic<int> calls = 0;
  Server server([&](const Server::Call&) { return ++calls == 2 ? "" : answer(200); });
  Client client{ClientOptions()};
  const std::string large(1 << 20, 'x');
  const ByteView pieces[] = {as_bytes("ab"), as_bytes(large)};
  for (int i = 0; i < 2; ++i) {
    const auto response = client.send({.method = "PUT", .url = server.url(), .body = pieces}, Cancel());
    ASSERT_TRUE(response);
    EXPECT_EQ(response->sent_twice, i == 1);
  }
  EXPECT_EQ(server.calls().size(), 3u);
  EXPECT_EQ(server.calls()[2].body, "ab" + large);
}

TEST(Client, KeepsConnections) {
  Server server([](const Server::Call& call) { return answer(call.line().starts_with("HEAD") ? 404 : 200); });
  Client client{ClientOptions()};
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE"}) {
    ASSERT_TRUE(client.send({.method = method, .url = server.url()}, Cancel()));
  }
  for (const auto& call : server.calls()) EXPECT_EQ(call.connection, 1u) << call.line();
}

TEST(Client, TakesNoMoreThanWasAskedFor) {
  Server server([](const Server::Call& call) {
    return answer(call.line().find("/fails") == std::string::npos ? 200 : 500, std::string(100'000, 'x'));
  });
  const auto response = send({.url = server.url(), .response_limit = 99'999});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind(), ErrorKind::kUnavailable);
  EXPECT_NE(response.error().message().find("more than the 99999 bytes"), std::string::npos);
  EXPECT_EQ(send({.url = server.url(), .response_limit = 100'000})->body.size(), 100'000u);
  EXPECT_EQ(send({.url = server.url() + "/fails", .response_limit = 1})->body.size(), 65'536u);
}

TEST(Client, WaitsForNoEndOfTheWordsOfAnError) {
  Server server([](const Server::Call&) {
    return "HTTP/1.1 500 Status\r\nContent-Length: 1000000000\r\n\r\n" + std::string(70'000, 'x');
  });
  const auto response = send({.url = server.url()});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 500);
  EXPECT_EQ(response->body.size(), 65'536u);
}

TEST(Client, MakesNoRoomForAllThatIsAnnounced) {
  Server server([](const Server::Call& call) {
    const bool head = call.line().starts_with("HEAD");
    return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::string(head ? "1000000000" : "70000") +
           "\r\n\r\n" + std::string(head ? 0 : 70'000, 'x');
  });
  EXPECT_EQ(send({.method = "HEAD", .url = server.url(), .response_limit = 1u << 30})->body.capacity(), 0u);
  EXPECT_EQ(send({.url = server.url(), .response_limit = 1u << 30})->body.size(), 70'000u);
}

TEST(Client, FindsAnAnswerCutOff) {
  Server server([](const Server::Call&) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"); });
  ClientOptions options;
  options.stall_timeout = std::chrono::seconds(1);
  const auto response = send({.url = server.url()}, options);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind(), ErrorKind::kUnavailable);
  EXPECT_NE(response.error().message().find("was silent for 1 s"), std::string::npos) << response.error().message();
}

TEST(Client, ObeysItsCancelWhileTheServerIsSilent) {
  std::stop_source source;
  std::jthread stopper;
  Server server([&](const Server::Call&) {
    stopper = std::jthread([&] { source.request_stop(); });
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  });
  Client client{ClientOptions()};
  EXPECT_EQ(client.send({.url = server.url()}, Cancel(source.get_token())).error().kind(), ErrorKind::kCancelled);
  EXPECT_EQ(client.send({.url = server.url()}, Cancel(source.get_token())).error().kind(), ErrorKind::kCancelled);
  EXPECT_EQ(server.calls().size(), 1u);
}

TEST(Client, WaitsAsLongAsTheServerAsks) {
  const std::pair<int, std::string> refusals[] = {
      {503, "Retry-After: 1\r\n"},
      {500, "Retry-After: 1\r\n"},
      // By the server's clock, whatever this machine's says.
      {429, "Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nRetry-After: Sat, 21 Nov 2026 10:00:01 GMT\r\n"}};
  for (const auto& [status, headers] : refusals) {
    std::atomic<int> calls = 0;
    Server server([&](const Server::Call&) { return ++calls == 1 ? answer(status, "", headers) : answer(200); });
    Client client{ClientOptions()};
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(client.send({.url = server.url()}, Cancel())->status, status);
    EXPECT_EQ(client.send({.url = server.url()}, Cancel())->status, 200);
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(900));
  }
}

TEST(Client, TakesADateThatHasPassedForNoPause) {
  Server server([](const Server::Call&) {
    return answer(503, "", "Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nRetry-After: Sat, 21 Nov 2026 09:00:00 GMT\r\n");
  });
  Client client{ClientOptions()};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(client.send({.url = server.url()}, Cancel())->status, 503);
  EXPECT_EQ(server.calls().size(), 2u);
}

TEST(Client, GoesNoFasterThanItMay) {
  const std::string large(300'000, 'x');
  Server server([&](const Server::Call& call) { return answer(200, call.body.empty() ? large : ""); });
  ClientOptions options;
  options.upload_limit = options.download_limit = 300'000;
  const ByteView pieces[] = {as_bytes(large)};
  for (const std::span<const ByteView> body : {std::span<const ByteView>(), std::span<const ByteView>(pieces)}) {
    const auto start = std::chrono::steady_clock::now();
    const Request request{
        .method = body.empty() ? "GET" : "PUT", .url = server.url(), .body = body, .response_limit = large.size()};
    ASSERT_TRUE(send(request, options));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(900));
  }
  EXPECT_EQ(server.calls()[1].body, large);
}

TEST(Client, ObeysItsCancelWhileItMayNotGoFaster) {
  std::stop_source source;
  Server server([](const Server::Call&) { return answer(200); });
  ClientOptions options;
  options.upload_limit = 1;
  Client client(options);
  const std::string large(300'000, 'x');
  const ByteView pieces[] = {as_bytes(large)};
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(
      client.send({.method = "PUT", .url = server.url(), .body = pieces}, Cancel(source.get_token())).error().kind(),
      ErrorKind::kCancelled);
}

TEST(Client, SaysWhyThereIsNoAnswer) {
  const auto unknown = send({.url = "https://no-such-host.invalid/secret-path?secret"});
  EXPECT_EQ(unknown.error().message(), "the host of no-such-host.invalid is not known");
  EXPECT_EQ(unknown.error().kind(), ErrorKind::kUnavailable);
  std::string closed;
  {
    Server server([](const Server::Call&) { return ""; });
    EXPECT_NE(send({.url = server.url()}).error().message().find("broke: Empty reply"), std::string::npos);
    ClientOptions impatient;
    impatient.connect_timeout = std::chrono::seconds(1);
    const auto tls = send({.url = "https" + server.url().substr(4)}, impatient);
    EXPECT_NE(tls.error().message().find("within 1 s"), std::string::npos) << tls.error().message();
    closed = server.url();
  }
  const auto refused = send({.url = closed});
  EXPECT_EQ(refused.error().message(), "cannot connect to " + closed.substr(7) + ": Connection refused");
  EXPECT_EQ(send({.url = "ftp://host/"}).error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(send({.url = "https://host:port/"}).error().kind(), ErrorKind::kInvalidInput);
}

TEST(Client, SaysThatAServerIsOneOfAnotherKind) {
  Server server([](const Server::Call&) { return std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"); });
  const auto response = send({.url = server.url()});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind(), ErrorKind::kInvalidInput);
  EXPECT_NE(response.error().message().find("not as a server of HTTP does"), std::string::npos)
      << response.error().message();
}

TEST(Client, TellsNobodyTheLoginOfAProxy) {
  for (const char* proxy : {"http://me:secret@host:port:1", "other://me:secret@host", "http://me:secret@no host"}) {
    ASSERT_EQ(::setenv("http_proxy", proxy, 1), 0);
    const auto response = send({.url = "http://host.invalid/"});
    ::unsetenv("http_proxy");
    ASSERT_FALSE(response) << proxy;
    EXPECT_EQ(response.error().message().find("secret"), std::string::npos) << response.error().message();
  }
}

TEST(Client, SaysWhichFileOfCertificatesIsUnusable) {
  ClientOptions options;
  options.authorities_pem = "nothing of the kind";
  const auto response = send({.url = "https://127.0.0.1:9/"}, options);
  ASSERT_FALSE(response);
  EXPECT_FALSE(response.error().message().empty());
}

TEST(Login, IsTheHeaderOfRfc7617) {
  EXPECT_EQ(basic_login("Aladdin", "open sesame").value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(HttpDate, IsTheTimeOfTheServer) {
  EXPECT_EQ(parse_http_date("Fri, 24 May 2013 00:00:01 GMT"), parse_rfc3339("2013-05-24T00:00:01Z"));
  EXPECT_EQ(parse_http_date("yesterday"), std::nullopt);
}

TEST(Authority, IsHostAndPort) {
  EXPECT_EQ(authority_of("https://host:1/a?b"), "host:1");
  EXPECT_EQ(authority_of("http://[::1]?b"), "[::1]");
}

}  // namespace
}  // namespace varve::net
