#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/http.h"

namespace varve::storage {

/// What an S3 store says where it does not do what was asked; all of it empty in answers without a body.
struct S3Complaint {
  std::string code, message, region;
};
S3Complaint complaint_in(const net::Response& response);

/// The error that an answer means; `what` tells what was tried. `skew`: by how many seconds the server's clock is ahead
/// of this machine's.
Error s3_error(const net::Response& response, const std::string& what, int64_t skew);

/// One page of a listing.
struct S3Page {
  struct Object {
    std::string name;  ///< the last part of its key
    uint64_t size = 0;
  };
  std::vector<Object> objects;
  std::optional<std::string> next;  ///< the token of the page after it
};
/// kUnavailable if it is none, or one that is cut off without a way to go on.
Result<S3Page> parse_s3_page(const net::Response& response);

/// The answer to GET ?location=; nothing if it is none.
std::optional<std::string> region_in(const net::Response& response);

}  // namespace varve::storage
