#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "net/http.h"
#include "storage/openstack_token.h"

namespace varve::storage {

/// The login that all requests share. Of several that need a new one, one logs in and the others wait for it.
/// Thread-safe.
class SwiftSession {
 public:
  /// `client` must outlive it.
  SwiftSession(OpenstackLogin login, net::Client& client);

  using Access = std::shared_ptr<const SwiftAccess>;
  /// What to ask with: the present access, or a new one where that is over soon, or is the one that a server `refused`.
  /// kDenied where there can be none.
  Result<Access> access(const Access& refused, const Cancel& cancel);

 private:
  Result<SwiftAccess> log_in(const Cancel& cancel);

  const OpenstackLogin login_;
  net::Client& client_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool logging_in_ = false;
  unsigned logins_ = 0;           ///< that have ended
  std::optional<Error> failure_;  ///< of the last one
  Access current_;
  std::optional<std::chrono::nanoseconds> over_;  ///< from which tick on the present one is not to be used
};

}  // namespace varve::storage
