#include "storage/storage.h"

#include <algorithm>

#include <fmt/format.h>

#include "storage/layout.h"
#include "storage/local.h"

namespace varve::storage {

namespace {

constexpr std::string_view kLocal = "local";
constexpr std::string_view kNotYet[] = {"s3", "swift", "azure", "gs", "b2", "rest", "sftp", "rclone"};

/// What stands before the first colon, if it can't be part of a path.
std::string_view scheme_of(std::string_view url) {
  const size_t colon = url.find(':');
  if (colon == std::string_view::npos || url[0] == '/' || url[0] == '.') return {};
  const std::string_view scheme = url.substr(0, colon);
  return scheme.find('/') == std::string_view::npos ? scheme : std::string_view{};
}

}  // namespace

std::string Handle::path() const {
  return relative_path(*this);
}

uint64_t payload_size(Payload payload) {
  uint64_t size = 0;
  for (ByteView piece : payload) size += piece.size();
  return size;
}

Result<std::unique_ptr<Storage>> open_storage(const std::string& url) {
  std::string_view path = url;
  const std::string_view scheme = scheme_of(url);
  if (scheme == kLocal) {
    path.remove_prefix(kLocal.size() + 1);
  } else if (std::ranges::find(kNotYet, scheme) != std::end(kNotYet)) {
    return fail(
        Error(ErrorKind::kInvalidInput, fmt::format("{}: repositories are not supported in this version", scheme))
            .hint("give the path of a local folder; a mounted share is one too"));
  } else if (!scheme.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, fmt::format("\"{}:\" is no known kind of repository", scheme))
                    .hint("for a folder whose name has a colon write local:PATH or ./PATH"));
  }
  if (path.empty()) return fail(ErrorKind::kInvalidInput, "the path of the repository is empty");
  if (path.find('\0') != std::string_view::npos) {
    return fail(ErrorKind::kInvalidInput, "the path of the repository holds a zero byte");
  }
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return std::make_unique<LocalStorage>(std::string(path));
}

}  // namespace varve::storage
