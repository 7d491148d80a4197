#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace varve::storage {

/// Where in an S3 store a repository lies.
struct S3Place {
  /// How the bucket is named: in the host's name (restic's `dns`), or in the path.
  enum class Lookup : uint8_t { kAuto, kHost, kPath };

  std::string scheme;  ///< "https" or "http"
  std::string host;    ///< with its port, if that is not the usual one
  std::string bucket;
  std::string prefix;  ///< before "config"; ends with a slash unless empty
  Lookup lookup = Lookup::kAuto;

  /// What follows "s3:", as restic takes it: HOST/BUCKET/PREFIX, perhaps with // or a scheme before it.
  static Result<S3Place> parse(std::string_view text);

  /// restic's words: auto, dns, path.
  static Result<Lookup> parse_lookup(std::string_view text);

  /// Whether the bucket is a part of the host's name: as was said, or where that is the custom, and a certificate can
  /// cover it.
  bool bucket_in_host() const;
  /// The URL of the bucket, ending in a slash. A host of Amazon's for another region becomes that of `region`.
  std::string bucket_url(const std::string& region) const;
  /// The region that the host's name tells; empty if it tells none.
  std::string region_of_host() const;
  std::string location() const;
};

}  // namespace varve::storage
