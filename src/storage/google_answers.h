#pragma once

#include <string>

#include "net/http.h"
#include "storage/http_files.h"

namespace varve::storage {

/// The error that an answer means; `what` tells what was tried.
Error google_error(const net::Response& response, const std::string& what);

/// One page of a listing. kUnavailable if it is none, or not whole.
Result<ListPage> parse_google_page(const net::Response& response);

/// What the server says of a file.
struct GoogleObject {
  uint64_t size = 0;
  std::string crc32c, generation;  ///< empty if it does not say
};
/// kUnavailable if it does not say how large the file is.
Result<GoogleObject> parse_google_object(const net::Response& response);

/// The CRC-32C in the header x-goog-hash of a whole file, in base64; empty if there is none.
std::string google_crc_of(const net::Response& response);

}  // namespace varve::storage
