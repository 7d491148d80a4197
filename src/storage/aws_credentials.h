#pragma once

#include <string>

#include "base/result.h"
#include "net/sigv4.h"

namespace varve::storage {

/// What the environment says about stores of Amazon's kind; all of it may be empty.
struct AwsSettings {
  net::AwsKeys keys;
  std::string region;
  std::string profile;                        ///< of the two files, named by the user; else "default"
  std::string credentials_file, config_file;  ///< as Amazon's tools write them; they may be missing

  std::string web_identity_token_file, role_arn, role_session_name;
  std::string sts_endpoint;  ///< in place of the region's
  std::string container_relative_uri, container_full_uri, container_token, container_token_file;
  std::string metadata_endpoint;  ///< in place of the usual one
  bool metadata_over_ipv6 = false, metadata_disabled = false;
};

struct AwsLogin {
  enum class Kind : uint8_t {
    kKeys,         ///< that are there
    kRole,         ///< that those keys may take
    kWebIdentity,  ///< a service gives keys for a token in a file, such as those of a cluster of Kubernetes
    kContainer,    ///< whatever runs the container gives them
    kMetadata,     ///< the machine's metadata do
  };
  net::AwsKeys keys = {};
  std::string region = {};  ///< empty if nobody says which
  Kind kind = Kind::kKeys;
  std::string url = {};                      ///< of the service that gives keys; the metadata's without a path
  std::string role = {}, session_name = {};  ///< of kRole and kWebIdentity
  std::string external_id = {};              ///< of kRole
  std::string token = {}, token_file = {};   ///< shown to the service; the file is read each time
};

/// The first of these that is there: keys that were given, what the profile says (keys, a role that another profile's
/// keys take, a web identity), a web identity of the environment, a container's service, the machine's metadata.
/// kInvalidInput if there is none, or half a login; kUnsupported where a profile has another way. Nobody is asked.
Result<AwsLogin> aws_login(const AwsSettings& settings);

}  // namespace varve::storage
