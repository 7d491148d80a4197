#include "net/testing/server.h"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace varve::net::testing {

namespace {

constexpr int kLookMs = 20;

bool wait_for(int socket, const std::stop_token& stop) {
  pollfd waiting{socket, POLLIN, 0};
  while (!stop.stop_requested()) {
    if (::poll(&waiting, 1, kLookMs) > 0) return true;
  }
  return false;
}

/// More of what the client says, at the end of `text`; false if there is none.
bool receive(int connection, std::string& text, const std::stop_token& stop) {
  char buffer[65536];
  if (!wait_for(connection, stop)) return false;
  const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  text.append(buffer, static_cast<size_t>(got));
  return true;
}

size_t length_of_body(const std::string& head) {
  const size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

std::optional<Server::Call> read_call(int connection, std::string& text, const std::stop_token& stop) {
  size_t end = std::string::npos;
  while ((end = text.find("\r\n\r\n")) == std::string::npos) {
    if (!receive(connection, text, stop)) return std::nullopt;
  }
  Server::Call call{text.substr(0, end + 2), "", 0};
  text.erase(0, end + 4);
  const size_t length = length_of_body(call.head);
  while (text.size() < length) {
    if (!receive(connection, text, stop)) return std::nullopt;
  }
  call.body = text.substr(0, length);
  text.erase(0, length);
  return call;
}

}  // namespace

Server::Server(Answer answer) : answer_(std::move(answer)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, any, size) != 0 || ::listen(listener_, 8) != 0 || ::getsockname(listener_, any, &size) != 0) {
    std::perror("no server for the test");
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](std::stop_token stop) { serve(std::move(stop)); });
}

Server::~Server() {
  thread_.request_stop();
  thread_.join();
  ::close(listener_);
}

std::string Server::url() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}

std::vector<Server::Call> Server::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

void Server::serve(std::stop_token stop) {
  for (unsigned number = 1; wait_for(listener_, stop); ++number) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) continue;
    serve_connection(connection, number, stop);
    ::close(connection);
  }
}

void Server::serve_connection(int connection, unsigned number, const std::stop_token& stop) {
  std::string text;
  while (auto call = read_call(connection, text, stop)) {
    call->connection = number;
    {
      std::lock_guard lock(mutex_);
      calls_.push_back(*call);
    }
    const std::string reply = answer_(*call);
    if (reply.empty() || ::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) return;
  }
}

std::string answer(int status, const std::string& body, const std::string& headers) {
  return fmt::format("HTTP/1.1 {} Status\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body);
}

}  // namespace varve::net::testing
