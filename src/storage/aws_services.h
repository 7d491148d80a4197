#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "net/http.h"
#include "storage/aws_credentials.h"

namespace varve::storage {

/// Keys for a while.
struct LentKeys {
  net::AwsKeys keys;
  std::optional<std::chrono::nanoseconds> lifetime;  ///< by the service's clock; nothing if it does not tell
};

/// Asks the service that a login names for keys; by Amazon's documents of AssumeRole and AssumeRoleWithWebIdentity, of
/// its containers (ECS, EKS) and of an instance's metadata (version 2). kDenied where there is nobody who gives any, or
/// the service refuses; kUnavailable where it does not answer, or answers something else; kNotFound where nobody
/// answers for a machine's metadata. No error holds a token or a key.
Result<LentKeys> lend_keys(const AwsLogin& login, net::Client& client, Time now, const Cancel& cancel);

/// Of a machine that has no metadata.
Error no_metadata();

/// Where a login's keys come from, for people; empty where they were given.
std::string origin_of(const AwsLogin& login);

}  // namespace varve::storage
