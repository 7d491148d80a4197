#pragma once

#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "net/http.h"

namespace varve::net {

/// What Amazon calls credentials.
struct AwsKeys {
  std::string access_key, secret_key;
  std::string session_token;  ///< empty for keys that are for good
};

struct SigningScope {
  Time now;
  std::string region;
  std::string service = "s3";
};

/// Signs for S3 by Amazon's Signature Version 4: adds host, x-amz-date, x-amz-content-sha256 and the session's token,
/// and signs them with all that is there. The path and the query are signed as they are in the URL, so they must be
/// encoded as encoding.h does it. Signatures hold for a quarter of an hour: each attempt needs a new one.
void sign_v4(Request& request, const Id& body_hash, const AwsKeys& keys, const SigningScope& scope);

/// The steps of it. Names of headers are in lower case.
std::string canonical_request(const Request& request, std::string_view body_hash);
std::string signature_v4(std::string_view canonical, const AwsKeys& keys, const SigningScope& scope);

}  // namespace varve::net
