#include "storage/aws_credentials.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "net/http.h"
#include "storage/aws_profile.h"

namespace varve::storage {

namespace {

// Amazon's own addresses, the same everywhere.
constexpr const char* kMetadata = "http://169.254.169.254";
constexpr const char* kMetadataIpv6 = "http://[fd00:ec2::254]";
constexpr const char* kContainerService = "http://169.254.170.2";
constexpr std::string_view kContainerHosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                                "[fd00:ec2::23]"};
constexpr const char* kSessionName = "varve";

Status check_pair(const net::AwsKeys& keys, const std::string& where) {
  if (keys.access_key.empty() == keys.secret_key.empty()) return {};
  return fail(ErrorKind::kInvalidInput, fmt::format("{} has half of a login: {} is missing", where,
                                                    keys.access_key.empty() ? "the access key" : "the secret key"));
}

/// What Amazon's tools know and this program does not is told, before something else is taken for the login.
Status check_ways(const AwsProfile& profile, const std::string& where) {
  for (const char* way : {"credential_source", "credential_process", "sso_session", "sso_start_url", "mfa_serial"}) {
    if (!profile.has(way)) continue;
    return fail(
        Error(ErrorKind::kUnsupported, fmt::format("{} comes by its keys by {}, which varve does not know", where, way))
            .hint("`aws configure export-credentials --format env` prints them for the environment"));
  }
  return {};
}

bool is_web(const std::string& url) {
  const bool scheme = url.starts_with("https://") || url.starts_with("http://");
  return scheme && !net::authority_of(url).empty() && url.find_first_of("@\\ \r\n") == std::string::npos;
}

/// It goes into the name of a host.
bool is_region_name(std::string_view text) {
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

/// The token service of the region, unless another one is named.
Result<AwsLogin> at_token_service(AwsLogin login, const AwsSettings& settings) {
  if (login.session_name.empty()) login.session_name = kSessionName;
  login.url = settings.sts_endpoint;
  if (!login.url.empty() && !is_web(login.url)) {
    return fail(ErrorKind::kInvalidInput, "AWS_ENDPOINT_URL_STS is no URL of a server");
  }
  if (login.url.empty() && !is_region_name(login.region)) {
    return fail(ErrorKind::kInvalidInput, fmt::format("\"{}\" is no name of a region", login.region));
  }
  if (login.url.empty()) {
    const std::string end = login.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
    login.url = login.region.empty() ? "https://sts.amazonaws.com" : "https://sts." + login.region + end;
  }
  if (!login.url.ends_with('/')) login.url += '/';
  return login;
}

Result<AwsLogin> web_identity(AwsLogin login, const AwsSettings& settings, const std::string& where) {
  if (login.token_file.empty() || login.role.empty()) {
    return fail(ErrorKind::kInvalidInput,
                fmt::format("{} has half of a web identity: {} is missing", where,
                            login.role.empty() ? "the role (AWS_ROLE_ARN, role_arn)"
                                               : "the file with the token (AWS_WEB_IDENTITY_TOKEN_FILE)"));
  }
  login.kind = AwsLogin::Kind::kWebIdentity;
  return at_token_service(std::move(login), settings);
}

/// A role that the keys of another profile, or of the same one, may take.
Result<AwsLogin> role_of(const AwsProfile& profile, AwsLogin login, const AwsSettings& settings,
                         const std::string& where) {
  const auto name = profile.get("source_profile");
  const auto source = AwsProfile::read(settings.credentials_file, settings.config_file, name);
  login.keys = source ? source->keys() : net::AwsKeys();
  if (login.keys.access_key.empty() || login.keys.secret_key.empty()) {
    return fail(ErrorKind::kInvalidInput,
                fmt::format("{} takes a role with the keys of profile \"{}\", which holds none itself", where, name));
  }
  login.kind = AwsLogin::Kind::kRole;
  login.role = profile.get("role_arn");
  login.session_name = profile.get("role_session_name");
  login.external_id = profile.get("external_id");
  return at_token_service(std::move(login), settings);
}

/// What a profile says for itself; nothing if it says nothing.
Result<std::optional<AwsLogin>> login_of(const AwsProfile& profile, const AwsLogin& base, const AwsSettings& settings,
                                         const std::string& where) {
  if (profile.has("role_arn") && profile.has("source_profile")) {
    TRY(check_ways(profile, where));
    return role_of(profile, base, settings, where);
  }
  AwsLogin login = base;
  login.keys = profile.keys();
  TRY(check_pair(login.keys, where));
  if (!login.keys.access_key.empty()) return login;
  TRY(check_ways(profile, where));
  if (!profile.has("role_arn") && !profile.has("web_identity_token_file")) return std::nullopt;
  login.token_file = profile.get("web_identity_token_file");
  login.role = profile.get("role_arn");
  login.session_name = profile.get("role_session_name");
  return web_identity(std::move(login), settings, where);
}

/// A token is shown to nobody who listens in between: without TLS only to what runs the container.
bool is_of_container(const std::string& url) {
  if (!is_web(url)) return false;
  if (url.starts_with("https://")) return true;
  const auto authority = net::authority_of(url);
  const auto host = authority.starts_with('[') ? authority.substr(0, authority.find(']') + 1)
                                               : authority.substr(0, authority.find(':'));
  const bool loopback = host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  return loopback || std::ranges::find(kContainerHosts, host) != std::end(kContainerHosts);
}

Result<AwsLogin> container(AwsLogin login, const AwsSettings& settings) {
  login.kind = AwsLogin::Kind::kContainer;
  login.token = settings.container_token;
  login.token_file = settings.container_token_file;
  login.url = settings.container_full_uri;
  if (const auto& path = settings.container_relative_uri; !path.empty()) {
    if (!path.starts_with('/')) {
      return fail(ErrorKind::kInvalidInput, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash");
    }
    login.url = std::string(kContainerService) + path;
  }
  if (is_of_container(login.url)) return login;
  return fail(Error(ErrorKind::kInvalidInput,
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI names a place that keys are not to be taken from")
                  .hint("https://, or http:// at this machine, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]"));
}

Result<AwsLogin> metadata(AwsLogin login, const AwsSettings& settings) {
  login.kind = AwsLogin::Kind::kMetadata;
  login.url = settings.metadata_endpoint;
  if (login.url.empty()) login.url = settings.metadata_over_ipv6 ? kMetadataIpv6 : kMetadata;
  while (login.url.ends_with('/')) login.url.pop_back();
  if (is_web(login.url)) return login;
  return fail(ErrorKind::kInvalidInput, "AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL of a server");
}

}  // namespace

Result<AwsLogin> aws_login(const AwsSettings& settings) {
  const std::string name = settings.profile.empty() ? "default" : settings.profile;
  const auto where = fmt::format("profile \"{}\"", name);
  const auto profile = AwsProfile::read(settings.credentials_file, settings.config_file, name);
  AwsLogin login{.keys = settings.keys, .region = settings.region};
  if (login.region.empty() && profile) login.region = profile->get("region");
  TRY(check_pair(login.keys, "the environment"));
  if (!login.keys.access_key.empty()) return login;
  if (!settings.profile.empty() && !profile) {
    return fail(ErrorKind::kInvalidInput,
                fmt::format("there is no {} in {} and {}", where, settings.credentials_file, settings.config_file));
  }
  if (profile) {
    TRY_ASSIGN(auto found, login_of(*profile, login, settings, where));
    if (found) return *std::move(found);
  }
  if (!settings.web_identity_token_file.empty()) {
    login.token_file = settings.web_identity_token_file;
    login.role = settings.role_arn;
    login.session_name = settings.role_session_name;
    return web_identity(std::move(login), settings, "the environment");
  }
  if (!settings.container_relative_uri.empty() || !settings.container_full_uri.empty()) {
    return container(std::move(login), settings);
  }
  if (!settings.metadata_disabled) return metadata(std::move(login), settings);
  return fail(Error(ErrorKind::kInvalidInput, "there is no login for S3")
                  .hint("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials "
                        "(AWS_PROFILE names one), hold it")
                  .hint("AWS_EC2_METADATA_DISABLED keeps the machine's metadata from being asked for one"));
}

}  // namespace varve::storage
