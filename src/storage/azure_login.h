#pragma once

#include <string>

#include "base/result.h"
#include "net/shared_key.h"

namespace varve::storage {

/// What the environment says about an account of Azure's; all of it may be empty.
struct AzureSettings {
  std::string account, key;
  std::string sas;                ///< a shared access signature, with or without a question mark before it
  std::string endpoint_suffix;    ///< core.windows.net if empty
  std::string connection_string;  ///< as Azure's own tools take it
};

/// How an account is reached. One of the key's secret and the signature is not empty.
struct AzureLogin {
  std::string endpoint;  ///< the account's URL for blobs, without a slash at its end
  net::AzureKey key;
  std::string sas;  ///< a query, without a question mark
};

/// The account and its key, or else its signature, as restic takes them; else what the connection string says, which
/// nothing of the others may gainsay. kInvalidInput if there is none of it, or it is unusable; the message holds no
/// secret.
Result<AzureLogin> azure_login(const AzureSettings& settings);

}  // namespace varve::storage
