#include "storage/open.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/parse.h"
#include "storage/azure.h"
#include "storage/google.h"
#include "storage/local.h"
#include "storage/rclone.h"
#include "storage/rest.h"
#include "storage/s3.h"
#include "storage/sftp.h"
#include "storage/swift.h"

namespace varve::storage {

namespace {

constexpr unsigned kConnections = 5;  // restic's
constexpr unsigned kMaxConnections = 1000;
constexpr std::string_view kExtended[] = {
    "azure.access-tier", "azure.connections", "gs.region",          "gs.connections",
    "rclone.args",       "rclone.program",    "rclone.connections", "rest.connections",
    "s3.bucket-lookup",  "s3.connections",    "s3.region",          "s3.storage-class",
    "sftp.args",         "sftp.command",      "sftp.connections",   "swift.connections"};
constexpr std::string_view kNotYet[] = {"b2"};

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

std::string extended(const OpenOptions& options, const std::string& name) {
  const auto found = options.extended.find(name);
  return found == options.extended.end() ? "" : found->second;
}

/// By --connections, or by restic's option for the kind of place.
Result<unsigned> connections_of(const OpenOptions& options, std::string_view scheme) {
  if (options.connections != 0) return options.connections;
  const auto text = extended(options, fmt::format("{}.connections", scheme));
  if (text.empty()) return kConnections;
  const auto number = parse_number<unsigned>(text);
  if (number && *number >= 1 && *number <= kMaxConnections) return *number;
  return fail(ErrorKind::kInvalidInput,
              fmt::format("-o {}.connections={}: from 1 to {} make sense", scheme, text, kMaxConnections));
}

Result<std::unique_ptr<Storage>> open_rest(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(auto place, RestPlace::parse(text));
  if (place.user.empty() && place.password.empty()) {
    place.user = options.rest_user;
    place.password = options.rest_password;
  }
  auto storage = std::make_shared<RestStorage>(std::move(place), options.http, options.connections);
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

Result<std::unique_ptr<Storage>> open_s3(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(auto place, S3Place::parse(text));
  TRY_ASSIGN(place.lookup, S3Place::parse_lookup(extended(options, "s3.bucket-lookup")));
  TRY_ASSIGN(auto storage_class, S3Storage::parse_storage_class(extended(options, "s3.storage-class")));
  TRY_ASSIGN(auto login, aws_login(options.aws));
  if (const auto region = extended(options, "s3.region"); !region.empty()) login.region = region;
  auto storage = std::make_shared<S3Storage>(std::move(place), std::move(login), options.http, options.connections,
                                             std::move(storage_class));
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

Result<std::unique_ptr<Storage>> open_swift(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(auto place, SwiftPlace::parse(text));
  TRY_ASSIGN(auto login, openstack_login(options.openstack));
  auto storage = std::make_shared<SwiftStorage>(std::move(place), std::move(login), options.openstack.container_policy,
                                                options.http, options.connections);
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

Result<std::unique_ptr<Storage>> open_azure(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(auto place, BucketPlace::parse("azure", text));
  TRY_ASSIGN(auto login, azure_login(options.azure));
  AzureOptions azure;
  TRY_ASSIGN(azure.access_tier, AzureOptions::parse_tier(extended(options, "azure.access-tier")));
  auto storage = std::make_shared<AzureStorage>(std::move(place), std::move(login), std::move(azure), options.http,
                                                options.connections);
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

Result<std::unique_ptr<Storage>> open_google(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(auto place, BucketPlace::parse("gs", text));
  TRY_ASSIGN(auto login, google_login(options.google));
  GoogleOptions google{.project = options.google.project};
  TRY_ASSIGN(google.endpoint, google_endpoint(options.google));
  if (const auto region = extended(options, "gs.region"); !region.empty()) google.region = region;
  auto storage = std::make_shared<GoogleStorage>(std::move(place), std::move(login), std::move(google), options.http,
                                                 options.connections);
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

/// Those of another kind of place are passed over, so that one environment serves several.
Status check_extended(const OpenOptions& options) {
  for (const auto& [name, value] : options.extended) {
    if (std::ranges::find(kExtended, name) != std::end(kExtended)) continue;
    return fail(Error(ErrorKind::kInvalidInput, fmt::format("-o {} is not known", name))
                    .hint(fmt::format("known are: {}", fmt::join(kExtended, ", "))));
  }
  return {};
}

Result<std::unique_ptr<Storage>> open_sftp(std::string_view text, const OpenOptions& options) {
  TRY_ASSIGN(const auto place, SftpPlace::parse(text));
  net::SftpOptions sftp{.name = place.server(),
                        .stall_timeout = options.http.stall_timeout,
                        .upload_limit = options.http.upload_limit,
                        .download_limit = options.http.download_limit};
  TRY_ASSIGN(sftp.command, place.command({extended(options, "sftp.command"), extended(options, "sftp.args")}));
  auto storage = std::make_shared<SftpStorage>(place.location(), std::move(sftp), place.folder, options.connections);
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

Result<std::unique_ptr<Storage>> open_rclone(std::string_view text, const OpenOptions& options) {
  const std::string remote(text);
  RcloneSettings settings;
  if (const auto program = extended(options, "rclone.program"); !program.empty()) settings.program = program;
  if (const auto args = extended(options, "rclone.args"); !args.empty()) settings.args = args;
  TRY_ASSIGN(auto command, rclone_command(remote, settings));
  auto storage = std::make_shared<RcloneStorage>(remote, std::move(command), options.http, options.connections);
  return std::make_unique<RetryStorage>(std::move(storage), options.retry);
}

}  // namespace

bool is_local(const std::string& url) {
  const auto scheme = scheme_of(url);
  return scheme.empty() || scheme == "local";
}

Result<std::unique_ptr<Storage>> open_storage(const std::string& url, const OpenOptions& options) {
  if (url.find('\0') != std::string::npos) {
    return fail(ErrorKind::kInvalidInput, "the path of the repository holds a zero byte");
  }
  TRY(check_extended(options));
  const std::string_view scheme = scheme_of(url);
  if (scheme.empty()) return open_local(url);
  const auto rest = std::string_view(url).substr(scheme.size() + 1);
  if (scheme == "local") return open_local(rest);
  OpenOptions chosen = options;
  TRY_ASSIGN(chosen.connections, connections_of(options, scheme));
  if (scheme == "rest") return open_rest(rest, chosen);
  if (scheme == "s3") return open_s3(rest, chosen);
  if (scheme == "swift") return open_swift(rest, chosen);
  if (scheme == "azure") return open_azure(rest, chosen);
  if (scheme == "gs") return open_google(rest, chosen);
  if (scheme == "sftp") return open_sftp(rest, chosen);
  if (scheme == "rclone") return open_rclone(rest, chosen);
  if (std::ranges::find(kNotYet, scheme) != std::end(kNotYet)) {
    return fail(
        Error(ErrorKind::kInvalidInput, fmt::format("{}: repositories are not supported in this version", scheme))
            .hint("folders (a mounted share is one too), rest:, s3:, swift:, azure:, gs:, sftp: and rclone: are"));
  }
  return fail(Error(ErrorKind::kInvalidInput, fmt::format("\"{}:\" is no known kind of repository", scheme))
                  .hint("for a folder whose name has a colon write local:PATH or ./PATH"));
}

}  // namespace varve::storage
