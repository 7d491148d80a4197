#include "storage/open.h"

#include <algorithm>

#include <fmt/format.h>

#include "storage/local.h"
#include "storage/rest.h"
#include "storage/s3.h"
#include "storage/sftp.h"

namespace varve::storage {

namespace {

constexpr unsigned kConnections = 5;  // restic's
constexpr std::string_view kNotYet[] = {"swift", "azure", "gs", "b2"};

/// What stands before the first colon, if it can't be part of a path.
std::string_view scheme_of(std::string_view url) {
  const size_t colon = url.find(':');
  if (colon == std::string_view::npos || url[0] == '/' || url[0] == '.') return {};
  const std::string_view scheme = url.substr(0, colon);
  return scheme.find('/') == std::string_view::npos ? scheme : std::string_view{};
}

Result<std::unique_ptr<Storage>> open_local(std::string_view path) {
  if (path.empty()) return fail(ErrorKind::kInvalidInput, "the path of the repository is empty");
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return std::make_unique<LocalStorage>(std::string(path));
}

unsigned connections_of(const OpenOptions& options) {
  return options.connections == 0 ? kConnections : options.connections;
}

Result<std::unique_ptr<Storage>> open_rest(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(auto place, RestPlace::parse(text));
  if (place.user.empty() && place.password.empty()) {
    place.user = options.rest_user;
    place.password = options.rest_password;
  }
  auto storage = std::make_shared<RestStorage>(std::move(place), options.http, connections_of(options));
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

Result<std::unique_ptr<Storage>> open_s3(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(auto place, S3Place::parse(text));
  TRY_ASSIGN(auto login, aws_login(options.aws));
  auto storage = std::make_shared<S3Storage>(std::move(place), std::move(login), options.http, connections_of(options));
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

Result<std::unique_ptr<Storage>> open_sftp(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(const auto place, SftpPlace::parse(text));
  net::SftpOptions sftp{.name = place.server(),
                        .stall_timeout = options.http.stall_timeout,
                        .upload_limit = options.http.upload_limit,
                        .download_limit = options.http.download_limit};
  TRY_ASSIGN(sftp.command, place.command(options.sftp));
  auto storage =
      std::make_shared<SftpStorage>(place.location(), std::move(sftp), place.folder, connections_of(options));
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

Result<std::unique_ptr<Storage>> open_rclone(std::string_view text, const OpenOptions& options) {
  const std::string remote(text);
  TRY_ASSIGN(auto command, rclone_command(remote, options.rclone));
  auto storage = std::make_shared<RcloneStorage>(remote, std::move(command), options.http, connections_of(options));
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

}  // namespace

Result<std::unique_ptr<Storage>> open_storage(const std::string& url, const OpenOptions& options) {
  if (url.find('\0') != std::string::npos) {
    return fail(ErrorKind::kInvalidInput, "the path of the repository holds a zero byte");
  }
  const std::string_view scheme = scheme_of(url);
  if (scheme.empty()) return open_local(url);
  const auto rest = std::string_view(url).substr(scheme.size() + 1);
  if (scheme == "local") return open_local(rest);
  if (scheme == "rest") return open_rest(rest, options);
  if (scheme == "s3") return open_s3(rest, options);
  if (scheme == "sftp") return open_sftp(rest, options);
  if (scheme == "rclone") return open_rclone(rest, options);
  if (std::ranges::find(kNotYet, scheme) != std::end(kNotYet)) {
    return fail(
        Error(ErrorKind::kInvalidInput, fmt::format("{}: repositories are not supported in this version", scheme))
            .hint("folders (a mounted share is one too), rest:, s3:, sftp: and rclone: are"));
  }
  return fail(Error(ErrorKind::kInvalidInput, fmt::format("\"{}:\" is no known kind of repository", scheme))
                  .hint("for a folder whose name has a colon write local:PATH or ./PATH"));
}

}  // namespace varve::storage
