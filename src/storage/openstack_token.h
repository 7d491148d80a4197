#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "net/http.h"
#include "storage/openstack_login.h"

namespace varve::storage {

/// What a login gives: where an account's containers are, and what opens them.
struct SwiftAccess {
  std::string storage_url;  ///< without a slash at its end
  std::string token;
  std::optional<std::chrono::nanoseconds> lifetime;  ///< by the server's clock; nothing if it does not tell
};

/// How one asks for a token by the identity service's version: 1 of Swift's own (tempauth), 2 and 3 of Keystone.
struct TokenRequest {
  std::string method, url;
  std::vector<net::Header> headers;
  std::string body;  ///< holds the password
};
TokenRequest token_request(const OpenstackLogin& login);

/// What the service answered to it. kDenied for a wrong login, kInvalidInput where the catalogue has no such region,
/// kUnavailable for what is no answer of its kind. No error quotes it: it holds the token.
Result<SwiftAccess> read_token(const OpenstackLogin& login, const net::Response& response);

}  // namespace varve::storage
