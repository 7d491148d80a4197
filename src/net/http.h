#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/result.h"

namespace varve::net {

struct Header {
  std::string name, value;
};

struct Request {
  std::string method = "GET";
  std::string url = {};  ///< encoded, and without a login
  std::vector<Header> headers = {};
  /// Sent piece by piece from where it lies, from the start again where libcurl must. PUT and POST have one, if empty.
  std::span<const ByteView> body = {};
  /// A longer answer is an error, so that no server fills the memory. Enough for what is said of one thing; who asks
  /// for more names more.
  uint64_t response_limit = 64u << 10;
};

struct Response {
  int status = 0;
  std::vector<Header> headers;  ///< names in lower case
  Bytes body;                   ///< where the status is 300 or more only the beginning of it
  /// The request was sent twice, since a kept connection had ended: what it asks for may have been done before.
  bool sent_twice = false;

  bool succeeded() const { return status >= 200 && status < 300; }
  /// The value, or an empty one.
  std::string_view header(std::string_view lower_case_name) const;
};

struct ClientOptions {
  std::string authorities_pem;  ///< trusted in place of the system's
  std::string certificate_pem;  ///< of the client, with its key
  bool any_certificate = false;
  bool direct = false;  ///< whatever proxies the environment names
  std::string user_agent = "varve";
  std::chrono::seconds connect_timeout{30};
  /// A transfer in which nothing, or next to nothing, moves for so long is given up.
  std::chrono::seconds stall_timeout{300};
  /// Bytes a second of bodies, all connections together; 0: no limit.
  uint64_t upload_limit = 0, download_limit = 0;
};

/// Sends requests by HTTP/1.1. Connections are kept for the next request, as many as were used at once; proxies are
/// those of the environment, as curl takes them; redirections are not followed. Thread-safe: each call has a connection
/// to itself.
///
/// A server that answers 413, 429, 498, 500, 502, 503 or 504 with Retry-After, in seconds or as a date, is obeyed by
/// all calls that come later: they wait, five minutes at most.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// An answer, whatever its status; or kUnavailable where none came, kDenied where the server is not the one that it
  /// should be, kInvalidInput where the settings are unusable. Obeys `cancel` within a second.
  Result<Response> send(const Request& request, const Cancel& cancel);

 private:
  struct Pool;
  const ClientOptions options_;
  const std::unique_ptr<Pool> pool_;
};

/// The header that a login by name and password is.
Header basic_login(std::string_view user, std::string_view password);

/// "host:port" of a URL.
std::string authority_of(std::string_view url);

/// What of a URL is signed, as it is written there.
struct Target {
  std::string_view path;   ///< at least a slash
  std::string_view query;  ///< without its mark
};
Target target_of(std::string_view url);

/// The time in a Date header; nothing if it is none.
std::optional<Time> parse_http_date(std::string_view text);
/// As a Date header has it: "Sat, 21 Nov 2026 10:00:00 GMT".
std::string format_http_date(Time time);

}  // namespace varve::net
