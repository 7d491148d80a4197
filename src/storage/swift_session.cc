#include "storage/swift_session.h"

namespace varve::storage {

namespace {

constexpr uint64_t kLargestCatalogue = 8u << 20;

/// Without an end where nobody knows it: the server will refuse the token when it is over.
Lease lease_of(const SwiftAccess& access, std::chrono::nanoseconds asked) {
  return access.lifetime && access.lifetime->count() > 0 ? Lease(asked, *access.lifetime) : Lease();
}

}  // namespace

SwiftSession::SwiftSession(OpenstackLogin login, net::Client& client)
    : login_(std::move(login)),
      client_(client),
      current_(system_clock(),
               login_.token.empty()
                   ? nullptr
                   : std::make_shared<const Login>(Login{
                         std::make_shared<const SwiftAccess>(SwiftAccess{login_.storage_url, login_.token, {}}), {}})) {
}

Result<SwiftSession::Access> SwiftSession::access(const Access& refused, const Cancel& cancel) {
  const auto judge = [&](const Login& login) {
    return login.access == refused ? Use::kOver : login.lease.at(system_clock().ticks());
  };
  const auto make = [&]() -> Result<std::shared_ptr<const Login>> {
    const auto asked = system_clock().ticks();
    TRY_ASSIGN(auto access, log_in(cancel));
    const auto lease = lease_of(access, asked);
    return std::make_shared<const Login>(Login{std::make_shared<const SwiftAccess>(std::move(access)), lease});
  };
  TRY_ASSIGN(const auto login, current_.get(cancel, judge, make));
  return login->access;
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
