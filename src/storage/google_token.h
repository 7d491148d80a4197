#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "net/http.h"
#include "storage/google_login.h"

namespace varve::storage {

/// The token of a login: got when it is first wanted, and a new one some minutes before it ends, once for all who wait,
/// who share what comes of it. Thread-safe.
class GoogleToken {
 public:
  GoogleToken(GoogleLogin login, net::ClientOptions http, const Clock& clock = system_clock());

  /// Empty where no login is needed. kDenied where the login is refused or there is none.
  Result<std::string> get(const Cancel& cancel);
  /// The server does not take this one any more. Whether another can be had.
  bool renounce(const std::string& token);

 private:
  struct Grant {
    std::string token;
    Time end{};
  };
  Result<Grant> ask(const Cancel& cancel);
  Result<net::Response> reach(const net::Request& request, const Cancel& cancel);
  Result<std::string> present() const;
  Result<net::Request> request_for(std::string& form) const;
  Error refusal(const net::Response& response) const;

  const GoogleLogin login_;
  const Clock& clock_;
  net::Client client_;
  std::mutex mutex_;  ///< never held while a server is asked
  std::condition_variable_any renewed_;
  bool renewing_ = false;
  unsigned renewals_ = 0;         ///< that have ended
  std::optional<Error> failure_;  ///< of the last one
  Grant grant_;
  bool found_metadata_ = false;  ///< of whoever renews
};

/// The text that asks for a token in the name of a service account (RFC 7523), signed by its key, good for an hour.
/// kInvalidInput if the key is none.
Result<std::string> google_assertion(const GoogleLogin& login, Time now);

}  // namespace varve::storage
