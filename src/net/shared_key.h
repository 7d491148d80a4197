#pragma once

#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "net/http.h"

namespace varve::net {

/// An account of Azure's storage and one of its two keys.
struct AzureKey {
  std::string account;
  Bytes secret;  ///< decoded from base64; empty if there is none
};

/// Signs by Azure's Shared Key for blobs: adds x-ms-date and authorization, and signs all that is there, its body's
/// length too. The caller has added x-ms-version. Names of headers and of the query's fields are in lower case.
/// Signatures hold for a quarter of an hour: each attempt needs a new one.
void sign_shared_key(Request& request, const AzureKey& key, Time now);

/// The text that is signed, of a request with all its headers.
std::string shared_key_text(const Request& request, const std::string& account);

}  // namespace varve::net
