#include "storage/http_files.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/parse.h"
#include "codec/sha256.h"
#include "storage/layout.h"

namespace varve::storage {

namespace {

constexpr uint64_t kLastByte = std::numeric_limits<int64_t>::max();

Error too_short(const std::string& name, uint64_t size, uint64_t offset, uint64_t length) {
  return Error(ErrorKind::kCorrupt,
               length == 0
                   ? fmt::format("{} is too short: it has {} bytes, and does not reach to {}", name, size, offset)
                   : fmt::format("{} is too short: it has {} bytes, and not {} from {}", name, size, length, offset));
}

/// Of a range that the server did not give.
Result<Bytes> nothing_there(const std::string& name, uint64_t offset, uint64_t length, const FileReader& reader) {
  TRY_ASSIGN(const uint64_t size, reader.size());
  if (offset == size && length == 0) return Bytes();
  if (offset <= size && length <= size - offset) {
    return fail(ErrorKind::kUnavailable, fmt::format("the server does not give a part of {} that it has", name));
  }
  return fail(too_short(name, size, offset, length));
}

struct ContentRange {
  uint64_t first = 0, last = 0, size = 0;
};

/// "bytes 0-9/100"
std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const size_t dash = text.find('-'), slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  const auto first = parse_number<uint64_t>(text.substr(0, dash));
  const auto last = parse_number<uint64_t>(text.substr(dash + 1, slash - dash - 1));
  const auto size = parse_number<uint64_t>(text.substr(slash + 1));
  if (!first || !last || !size || *last < *first || *size <= *last) return std::nullopt;
  return ContentRange{*first, *last, *size};
}

}  // namespace

Result<Bytes> read_range(const std::string& name, uint64_t offset, uint64_t length, const FileReader& reader) {
  const bool whole = offset == 0 && length == 0;
  if (offset > kLastByte || length > kLastByte - offset) return nothing_there(name, offset, length, reader);
  std::vector<net::Header> headers;
  if (!whole) {
    const auto end = length == 0 ? "" : std::to_string(offset + length - 1);
    headers.push_back({"range", fmt::format("bytes={}-{}", offset, end)});
  }
  TRY_ASSIGN(auto response, reader.answer(std::move(headers), length == 0 ? kLargestFile : length));
  // Azure's emulator and rclone give a part of nothing where others say that there is none.
  const bool none = response.status == 416 || (response.status == 206 && response.body.empty());
  if (!whole && none) return nothing_there(name, offset, length, reader);
  if (!response.succeeded()) return fail(reader.explain(response));
  if (whole) return std::move(response.body);
  // All of the file: rest-server knows no parts of the config.
  if (response.status == 200) {
    const uint64_t size = response.body.size();
    if (offset > size || length > size - offset) return fail(too_short(name, size, offset, length));
    const auto part = ByteView(response.body).subspan(offset);
    return to_bytes(length == 0 ? part : part.first(length));
  }
  const auto range = parse_content_range(response.header("content-range"));
  if (response.status != 206 || !range || range->first != offset ||
      response.body.size() != range->last - range->first + 1) {
    return fail(ErrorKind::kUnavailable, fmt::format("the server gave another part of {} than was asked for", name));
  }
  if (length != 0 && length > range->size - offset) return fail(too_short(name, range->size, offset, length));
  if (response.body.size() != (length == 0 ? range->size - offset : length)) {
    return fail(ErrorKind::kUnavailable, fmt::format("the server gave less of {} than was asked for", name));
  }
  return std::move(response.body);
}

Error status_error(const net::Response& response, const std::string& what) {
  const auto told = fmt::format("cannot {}: the server answers {}", what, response.status);
  switch (response.status) {
    case 401:
    case 403:
      return Error(ErrorKind::kDenied, told + ", it is not allowed");
    case 404:
      return Error(ErrorKind::kNotFound, fmt::format("cannot {}: it is not there", what));
    case 408:
      return Error(ErrorKind::kUnavailable, told + ", it had to wait for too long");
    case 413:
      if (!response.header("retry-after").empty()) {
        return Error(ErrorKind::kUnavailable, told + ", it takes no more for now");
      }
      [[fallthrough]];
    case 507:
      return Error(ErrorKind::kNoSpace, told + ", there is no space for it")
          .hint("free some space and run it again; what was stored already is kept");
    case 429:
    case 498:  // Swift's own
    case 503:
      return Error(ErrorKind::kUnavailable, told + ", it is too busy");
    case 501:
    case 505:
      return Error(ErrorKind::kUnsupported, told + ", it knows no such request");
    default:
      break;
  }
  if (response.status >= 300 && response.status < 400) {
    const auto location = response.header("location");  // its query may hold a login
    return Error(ErrorKind::kUnsupported, fmt::format("{}, it is at another place", told))
        .hint(fmt::format("name the place itself: {}", location.substr(0, location.find('?'))));
  }
  return Error(response.status >= 500 ? ErrorKind::kUnavailable : ErrorKind::kUnsupported, told);
}

Status found_there(Storage& storage, const Handle& handle, Payload payload, const net::Response& response,
                   const std::string& what, const Cancel& cancel) {
  if (response.sent_twice) {
    TRY_ASSIGN(const bool stored, is_stored(storage, handle, payload, cancel));
    if (stored) return {};
  }
  return fail(ErrorKind::kExists, fmt::format("cannot {}: it is there already", what));
}

Status put_off(Storage& storage, const Handle& handle, Payload payload, const net::Response& response,
               const std::string& what, const Cancel& cancel) {
  TRY_ASSIGN(const bool stored, is_stored(storage, handle, payload, cancel));
  if (stored) return {};
  return fail(ErrorKind::kUnavailable, fmt::format("cannot {}: the server has put it off ({})", what, response.status));
}

Result<uint64_t> announced_length(const net::Response& response, const std::string& name) {
  if (const auto length = parse_number<uint64_t>(response.header("content-length"))) return *length;
  return fail(ErrorKind::kUnavailable, fmt::format("the server does not say how long {} is", name));
}

Status list_config(Storage& storage, const std::function<Status(const FileInfo&)>& visit,
                   const std::function<Status()>& place, const Cancel& cancel) {
  const auto size = storage.stat({}, cancel);
  if (size) return visit({Id{}, *size});
  return size.error().kind() == ErrorKind::kNotFound ? place() : fail(size.error());
}

Status list_pages(const std::string& what, const std::function<Result<ListPage>(const std::string& token)>& page,
                  const std::function<Status(const FileInfo&)>& visit) {
  std::string token;
  std::set<Id> seen;  // hashes of tokens
  for (;;) {
    TRY_ASSIGN(auto here, page(token));
    for (const auto& file : here.files) {
      if (const auto id = id_of_name(file.name)) TRY(visit({*id, file.size}));
    }
    if (!here.next) return {};
    if (!seen.insert(codec::sha256(as_bytes(*here.next))).second) {
      return fail(ErrorKind::kUnavailable,
                  fmt::format("cannot {}: the server gives the same pages again and again", what));
    }
    token = *std::move(here.next);
  }
}

std::optional<int64_t> clock_ahead(const net::Response& response) {
  const auto date = net::parse_http_date(response.header("date"));
  if (!date) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(*date - system_clock().now()).count();
}

Error clocks_differ(const std::string& what, int64_t skew) {
  return Error(ErrorKind::kDenied,
               skew == 0 ? fmt::format("cannot {}: the clocks of the server and of this machine differ", what)
                         : fmt::format("cannot {}: the clock of the server is {} minutes {} this machine's", what,
                                       std::abs(skew) / 60, skew > 0 ? "ahead of" : "behind"))
      .hint("set the clock of this machine right, by NTP if possible");
}

}  // namespace varve::storage
