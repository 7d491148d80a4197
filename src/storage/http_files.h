#pragma once

#include <functional>
#include <optional>

#include "net/http.h"
#include "storage/storage.h"

namespace varve::storage {

// What back ends that are reached by HTTP have in common.

/// More than any file of a repository has; a server that gives more is not believed.
inline constexpr uint64_t kLargestFile = uint64_t{1} << 30;

/// More than a page of a listing has, which is of ten thousand files at most; taken apart it is several times as much.
inline constexpr uint64_t kLargestPage = uint64_t{8} << 20;

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

/// What a put comes to whose answer (a 202, say) is a yes, but none that says that the file is stored: done where it is
/// found there, else kUnavailable.
Status put_off(Storage& storage, const Handle& handle, Payload payload, const net::Response& response,
               const std::string& what, const Cancel& cancel);

/// The length that an answer to HEAD announces.
Result<uint64_t> announced_length(const net::Response& response, const std::string& name);

/// Storage::list of the config, which is in no listing: `place` tells whether the place is there where it is not.
Status list_config(Storage& storage, const std::function<Status(const FileInfo&)>& visit,
                   const std::function<Status()>& place, const Cancel& cancel);

/// One page of a listing.
struct ListPage {
  struct File {
    std::string name;  ///< the last part of its key
    uint64_t size = 0;
  };
  std::vector<File> files = {};
  std::optional<std::string> next = {};  ///< the token of the page after it
};
/// Storage::list by pages, each asked for with the token of the one before, the first with none. kUnavailable where
/// they go round in a circle.
Status list_pages(const std::string& what, const std::function<Result<ListPage>(const std::string& token)>& page,
                  const std::function<Status(const FileInfo&)>& visit);

/// By how many seconds the server's clock is ahead of this machine's; nothing if it does not tell its time.
std::optional<int64_t> clock_ahead(const net::Response& response);
/// By more than this a signed request is refused, by Amazon and Azure alike.
inline constexpr int64_t kToleratedSkew = 15 * 60;
Error clocks_differ(const std::string& what, int64_t skew);

}  // namespace varve::storage
