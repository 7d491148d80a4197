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
};

struct AwsLogin {
  net::AwsKeys keys;
  std::string region;  ///< empty if nobody says which
};

/// Keys that were given, else those of the profile. kInvalidInput if there are none, or half a pair.
Result<AwsLogin> aws_login(const AwsSettings& settings);

}  // namespace varve::storage
