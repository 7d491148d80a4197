#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/http.h"
#include "storage/http_files.h"

namespace varve::storage {

/// What an S3 store says where it does not do what was asked; all of it empty in answers without a body.
struct S3Complaint {
  std::string code, message, region;
};
S3Complaint complaint_in(const net::Response& response);

/// Whether it says that the keys are not good any more, as those of a session are in the end.
bool are_over(const net::Response& response);

/// The error that an answer means; `what` tells what was tried. `skew`: by how many seconds the server's clock is ahead
/// of this machine's.
Error s3_error(const net::Response& response, const std::string& what, int64_t skew);

/// The same for one of several files.
Error s3_error(const S3Complaint& said, const std::string& what);

/// What asks for the removal of several files by their keys.
std::string s3_removal(const std::vector<std::string>& keys);
/// What became of them.
struct S3Removal {
  std::map<std::string, S3Complaint> files;  ///< by key; without a code where it is gone
  bool kept = false;                         ///< of one an older version is still there
};
/// kUnavailable if it is no such answer.
Result<S3Removal> parse_s3_removal(const net::Response& response);

/// One page of a listing. kUnavailable if it is none, or one that is cut off without a way to go on.
Result<ListPage> parse_s3_page(const net::Response& response);

/// The answer to GET ?location=; nothing if it is none.
std::optional<std::string> region_in(const net::Response& response);

}  // namespace varve::storage
