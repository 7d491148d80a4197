#pragma once

#include <memory>

#include "net/http.h"
#include "storage/openstack_token.h"
#include "storage/renewed.h"

namespace varve::storage {

/// The login that all requests share, renewed before it ends where the server tells when that is. Thread-safe.
class SwiftSession {
 public:
  /// `client` must outlive it.
  SwiftSession(OpenstackLogin login, net::Client& client);

  using Access = std::shared_ptr<const SwiftAccess>;
  /// What to ask with: the present access, or a new one where that is over, or is the one that a server `refused`.
  /// kDenied where there can be none.
  Result<Access> access(const Access& refused, const Cancel& cancel);

 private:
  struct Login {
    Access access;
    Lease lease;
  };
  Result<SwiftAccess> log_in(const Cancel& cancel);

  const OpenstackLogin login_;
  net::Client& client_;
  Renewed<const Login> current_;
};

}  // namespace varve::storage
