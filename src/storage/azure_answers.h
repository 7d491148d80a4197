#pragma once

#include <string>

#include "net/http.h"
#include "storage/http_files.h"

namespace varve::storage {

/// The code that Azure gives what went wrong, such as BlobNotFound; also in answers without a body.
std::string azure_code(const net::Response& response);

/// The error that an answer means; `what` tells what was tried. `sas`: the shared access signature that
/// is the login, if it is one. `skew`: by how many seconds the server's clock is ahead of this machine's.
Error azure_error(const net::Response& response, const std::string& what, const std::string& sas, int64_t skew);

/// One page of a listing. kUnavailable if it is none, or not whole.
Result<ListPage> parse_azure_page(const net::Response& response);

}  // namespace varve::storage
