#pragma once

#include <functional>

#include "net/http.h"
#include "storage/storage.h"

namespace varve::storage {

// What back ends that are reached by HTTP have in common.

/// More than any file of a repository has; a server that gives more is not believed.
inline constexpr uint64_t kLargestFile = uint64_t{1} << 30;

/// How a file is asked for; `answer` of any status.
struct FileReader {
  std::function<Result<net::Response>(std::vector<net::Header> headers, uint64_t response_limit)> answer;
  std::function<Result<uint64_t>()> size;
  std::function<Error(const net::Response&)> explain;
};

/// Storage::get by a range. What comes is exactly what was asked for, whatever the server takes ranges for.
Result<Bytes> read_range(const std::string& name, uint64_t offset, uint64_t length, const FileReader& reader);

/// What a status means where the server does not say more; `what` tells what was tried.
Error status_error(const net::Response& response, const std::string& what);

/// What a put comes to that found the file there: done, where it was sent a second time over a new connection and the
/// first one had arrived; else kExists.
Status found_there(Storage& storage, const Handle& handle, Payload payload, const net::Response& response,
                   const std::string& what, const Cancel& cancel);

/// The length that an answer to HEAD announces.
Result<uint64_t> announced_length(const net::Response& response, const std::string& name);

}  // namespace varve::storage
