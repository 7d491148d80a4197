#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace varve::storage {

/// Where in an account of Swift a repository lies.
struct SwiftPlace {
  std::string container;
  std::string prefix;  ///< before "config"; ends with a slash unless empty

  /// What follows "swift:", as restic takes it: CONTAINER:/PREFIX.
  static Result<SwiftPlace> parse(std::string_view text);
  std::string location() const;
};

/// One page of a listing.
struct SwiftPage {
  struct Object {
    std::string name;  ///< all of it, with the prefix
    uint64_t size = 0;
  };
  std::vector<Object> objects;  ///< in their order; the next page begins after the last one's name
};
/// kUnavailable if it is none.
Result<SwiftPage> parse_swift_page(const net::Response& response);

}  // namespace varve::storage
