#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"

namespace varve::storage {

struct ListedFile {
  Id id;
  std::optional<uint64_t> size;  ///< the first version of the protocol gives names only
};

struct RestListing {
  std::vector<ListedFile> files;  ///< names that are no ids are passed over
  bool complete = true;           ///< each thing in it has a name and a size, or is a name
};

/// Reads the answer to a listing as a stream, for a long one must not fill the memory. Nothing if it is no listing.
std::optional<RestListing> parse_rest_listing(ByteView json);

}  // namespace varve::storage
