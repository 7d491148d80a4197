#include "storage/aws_session.h"

namespace varve::storage {

namespace {

using Kind = AwsLogin::Kind;

/// What is next to this machine answers at once, and no proxy gets to see its keys.
net::ClientOptions options_for(const AwsLogin& login, net::ClientOptions http) {
  if (login.kind == Kind::kContainer || login.kind == Kind::kMetadata) {
    http.connect_timeout = std::chrono::seconds(2);
    http.stall_timeout = std::chrono::seconds(5);
    http.direct = true;
  }
  http.upload_limit = http.download_limit = 0;
  return http;
}

}  // namespace

AwsSession::AwsSession(AwsLogin login, net::ClientOptions http, const Clock& clock)
    : login_(std::move(login)),
      clock_(clock),
      given_(std::make_shared<const net::AwsKeys>(login_.keys)),
      client_(options_for(login_, std::move(http))),
      lent_(clock) {}

Result<AwsSession::Keys> AwsSession::keys(const Keys& refused, const Cancel& cancel) {
  if (login_.kind == Kind::kKeys) return given_;
  const auto judge = [&](const Lent& lent) {
    return lent.keys == refused ? Use::kOver : lent.lease.at(clock_.ticks());
  };
  TRY_ASSIGN(const auto lent, lent_.get(cancel, judge, [&] { return ask(cancel); }));
  return lent->keys;
}

Result<std::shared_ptr<const AwsSession::Lent>> AwsSession::ask(const Cancel& cancel) {
  const auto asked = clock_.ticks();
  auto lent = lend_keys(login_, client_, clock_.now(), cancel);
  if (lent) {
    found_metadata_ = true;
    const auto lease = lent->lifetime ? Lease(asked, *lent->lifetime) : Lease();
    return std::make_shared<const Lent>(Lent{std::make_shared<const net::AwsKeys>(std::move(lent->keys)), lease});
  }
  if (lent.error().kind() != ErrorKind::kNotFound) return fail(std::move(lent).error());
  // A machine whose metadata were never there has none.
  return fail(found_metadata_ ? Error(ErrorKind::kUnavailable, lent.error().message()) : no_metadata());
}

}  // namespace varve::storage
