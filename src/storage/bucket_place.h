#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace varve::storage {

/// Where a repository lies in a store that has buckets and is itself not named: azure:CONTAINER:/PREFIX and
/// gs:BUCKET:/PREFIX.
struct BucketPlace {
  std::string scheme;  ///< "azure" or "gs"
  std::string bucket;
  std::string prefix;  ///< before "config"; ends with a slash unless empty

  /// What follows the scheme and its colon, as restic takes it.
  static Result<BucketPlace> parse(const std::string& scheme, std::string_view text);
  std::string location() const;
};

}  // namespace varve::storage
