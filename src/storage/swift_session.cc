#include "storage/swift_session.h"

#include <algorithm>

#include "base/clock.h"

namespace varve::storage {

namespace {

using std::chrono::nanoseconds;

/// A request that begins with a token should end with it, too.
constexpr nanoseconds kLastMinute = std::chrono::seconds(60);
constexpr uint64_t kLargestCatalogue = 8u << 20;

/// Nothing where nobody knows: the server will refuse the token when it is over.
std::optional<nanoseconds> end_of(const SwiftAccess& access, nanoseconds now) {
  if (!access.lifetime || access.lifetime->count() <= 0) return std::nullopt;
  return now + *access.lifetime - std::min(kLastMinute, *access.lifetime / 2);
}

}  // namespace

SwiftSession::SwiftSession(OpenstackLogin login, net::Client& client) : login_(std::move(login)), client_(client) {
  if (!login_.token.empty())
    current_ = std::make_shared<SwiftAccess>(SwiftAccess{login_.storage_url, login_.token, {}});
}

Result<SwiftSession::Access> SwiftSession::access(const Access& refused, const Cancel& cancel) {
  std::unique_lock lock(mutex_);
  while (logging_in_) {
    const unsigned before = logins_;
    if (!changed_.wait(lock, cancel.token(), [&] { return logins_ != before; })) TRY(cancel.check());
    if (failure_ && !is_stop(*failure_)) return fail(*failure_);
  }
  const auto now = system_clock().ticks();
  if (current_ && current_ != refused && (!over_ || now < *over_)) return current_;
  logging_in_ = true;
  lock.unlock();
  auto made = log_in(cancel);
  lock.lock();
  logging_in_ = false;
  ++logins_;
  failure_ = made ? std::nullopt : std::optional(made.error());
  if (made) {
    current_ = std::make_shared<SwiftAccess>(*std::move(made));
    over_ = end_of(*current_, now);
  }
  changed_.notify_all();
  if (failure_) return fail(*failure_);
  return current_;
}

Result<SwiftAccess> SwiftSession::log_in(const Cancel& cancel) {
  if (login_.auth_url.empty()) {
    return fail(Error(ErrorKind::kDenied, "the server refuses the token of OS_AUTH_TOKEN: it is wrong, or has ended")
                    .hint("get a new one with `openstack token issue`, or set OS_AUTH_URL and a login in its place"));
  }
  const auto asked = token_request(login_);
  const ByteView body[] = {as_bytes(asked.body)};
  net::Request request{.method = asked.method,
                       .url = asked.url,
                       .headers = asked.headers,
                       .body = {},
                       .response_limit = kLargestCatalogue};
  if (!asked.body.empty()) request.body = body;
  TRY_ASSIGN(const auto response, client_.send(request, cancel));
  return read_token(login_, response);
}

}  // namespace varve::storage
