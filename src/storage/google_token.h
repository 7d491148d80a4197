#pragma once

#include <string>

#include "base/clock.h"
#include "net/http.h"
#include "storage/google_login.h"
#include "storage/renewed.h"

namespace varve::storage {

/// The token of a login: got when it is first wanted, and a new one some minutes before it ends, once for all who want
/// it. Thread-safe.
class GoogleToken {
 public:
  GoogleToken(GoogleLogin login, net::ClientOptions http, const Clock& clock = system_clock());

  /// Another one than that which a server `refused`, if another can be had. Empty where no login is needed. kDenied
  /// where the login is refused or there is none.
  Result<std::string> get(const std::string& refused, const Cancel& cancel);

 private:
  struct Grant {
    std::string token;
    Lease lease;
  };
  Result<Grant> ask(const Cancel& cancel);
  Result<net::Response> reach(const net::Request& request, const Cancel& cancel);
  Result<net::Request> request_for(std::string& form) const;
  Error refusal(const net::Response& response) const;

  const GoogleLogin login_;
  const Clock& clock_;
  net::Client client_;
  Renewed<const Grant> grant_;
  bool found_metadata_ = false;  ///< of whoever renews
};

/// The text that asks for a token in the name of a service account (RFC 7523), signed by its key, good for an hour.
/// kInvalidInput if the key is none.
Result<std::string> google_assertion(const GoogleLogin& login, Time now);

}  // namespace varve::storage
