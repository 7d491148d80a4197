#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace varve::net::testing {

/// A server on the loopback interface that does whatever a test wants of one. Connections are served one by one, kept
/// open after an answer.
class Server {
 public:
  struct Call {
    std::string head;  ///< request line and headers
    std::string body;
    unsigned connection;  ///< counted from 1
    /// "GET /path HTTP/1.1"
    std::string line() const { return head.substr(0, head.find('\r')); }
  };
  /// Gives the bytes of the answer; none closes the connection in place of one. Called by the server's thread.
  using Answer = std::function<std::string(const Call&)>;

  explicit Server(Answer answer);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// "http://127.0.0.1:PORT"
  std::string url() const;
  /// All that came so far.
  std::vector<Call> calls() const;

 private:
  void serve(std::stop_token stop);
  void serve_connection(int connection, unsigned number, const std::stop_token& stop);

  const Answer answer_;
  int listener_ = -1;
  unsigned port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Call> calls_;
  std::jthread thread_;
};

/// An answer with a length; `headers` are lines that end with "\r\n".
std::string answer(int status, const std::string& body = "", const std::string& headers = "");

}  // namespace varve::net::testing
