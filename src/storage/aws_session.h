#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "net/http.h"
#include "storage/aws_services.h"
#include "storage/renewed.h"

namespace varve::storage {

/// The keys that requests are signed with: those that were given, or those that a service gives for a while, which are
/// renewed before they end. Thread-safe.
class AwsSession {
 public:
  AwsSession(AwsLogin login, net::ClientOptions http, const Clock& clock = system_clock());

  using Keys = std::shared_ptr<const net::AwsKeys>;
  /// Others than those that a server `refused`, if others can be had. kDenied where a service gives none.
  Result<Keys> keys(const Keys& refused, const Cancel& cancel);

  /// Where the keys come from, for an error that is about them; empty where they were given.
  std::string origin() const { return origin_of(login_); }

 private:
  struct Lent {
    Keys keys;
    Lease lease;
  };
  Result<std::shared_ptr<const Lent>> ask(const Cancel& cancel);

  const AwsLogin login_;
  const Clock& clock_;
  const Keys given_;
  net::Client client_;
  Renewed<const Lent> lent_;
  bool found_metadata_ = false;  ///< of whoever renews
};

}  // namespace varve::storage
