#include "storage/google_login.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "base/parse.h"
#include "codec/rs256.h"
#include "net/http.h"
#include "storage/json_answer.h"

namespace varve::storage {

namespace {

using Kind = GoogleLogin::Kind;

constexpr const char* kTokenUrl = "https://oauth2.googleapis.com/token";
constexpr const char* kMetadataHost = "metadata.google.internal";
constexpr const char* kMetadataPath = "/computeMetadata/v1/instance/service-accounts/default/token";
constexpr const char* kRemedy =
    "GOOGLE_APPLICATION_CREDENTIALS names the file with the key of a service account, as Google gives it out";

/// A key is sent to nobody who listens in between.
bool is_safe(const std::string& url) {
  if (url.find_first_of("@\\ ") != std::string::npos) return false;
  const auto authority = net::authority_of(url);
  if (url.starts_with("https://")) return !authority.empty();
  const std::string_view here = "127.0.0.1:";
  return url.starts_with("http://") && authority.starts_with(here) &&
         parse_number<uint16_t>(std::string_view(authority).substr(here.size()));
}

Result<GoogleLogin> login_in(const Json& json, const std::string& file) {
  const auto unusable = [&](const std::string& what) {
    return fail(Error(ErrorKind::kInvalidInput, fmt::format("{} {}", file, what)).hint(kRemedy));
  };
  const std::string type = text_at(json, "type");
  GoogleLogin login{.email = text_at(json, "client_email"),
                    .key_id = text_at(json, "private_key_id"),
                    .private_key = text_at(json, "private_key"),
                    .client_id = text_at(json, "client_id"),
                    .client_secret = text_at(json, "client_secret"),
                    .refresh_token = text_at(json, "refresh_token"),
                    .token_url = text_at(json, "token_uri")};
  if (login.token_url.empty()) login.token_url = kTokenUrl;
  if (!is_safe(login.token_url)) return unusable("sends its key to a place without TLS");
  if (type == "service_account") {
    login.kind = Kind::kServiceAccount;
    if (login.email.empty()) return unusable("names no client_email");
    if (!codec::rs256(login.private_key, {})) return unusable("holds no private_key that is one");
    return login;
  }
  if (type == "authorized_user") {
    login.kind = Kind::kUser;
    if (login.client_id.empty() || login.refresh_token.empty())
      return unusable("holds no refresh_token with its client_id");
    return login;
  }
  return fail(Error(ErrorKind::kUnsupported,
                    fmt::format("{} is a login of the kind \"{}\", which is not supported", file, type))
                  .hint(kRemedy)
                  .hint("GOOGLE_ACCESS_TOKEN takes a token that something else came by"));
}

Result<GoogleLogin> login_in_file(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return fail(Error(ErrorKind::kInvalidInput, fmt::format("cannot read {}", file)).hint(kRemedy));
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_object()) return login_in(json, file);
  return fail(Error(ErrorKind::kInvalidInput, fmt::format("{} is no JSON, so no login", file)).hint(kRemedy));
}

/// A header has one line.
bool is_token(const std::string& text) {
  return text.find_first_of(" \t\r\n") == std::string::npos;
}

}  // namespace

Result<GoogleLogin> google_login(const GoogleSettings& settings) {
  if (!settings.emulator.empty()) return GoogleLogin();
  if (!settings.access_token.empty()) {
    if (is_token(settings.access_token)) return GoogleLogin{.kind = Kind::kToken, .token = settings.access_token};
    return fail(ErrorKind::kInvalidInput,
                "GOOGLE_ACCESS_TOKEN holds more than a token: there are spaces or lines in it");
  }
  if (!settings.credentials_file.empty()) return login_in_file(settings.credentials_file);
  std::error_code ignored;
  if (std::filesystem::exists(settings.well_known_file, ignored)) return login_in_file(settings.well_known_file);
  const std::string host = settings.metadata_host.empty() ? kMetadataHost : settings.metadata_host;
  return GoogleLogin{.kind = Kind::kMetadata, .token_url = "http://" + host + kMetadataPath};
}

Result<std::string> google_endpoint(const GoogleSettings& settings) {
  std::string endpoint = settings.emulator;
  if (endpoint.empty()) return "https://storage.googleapis.com";
  if (endpoint.find("://") == std::string::npos) endpoint = "http://" + endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const bool web = endpoint.starts_with("http://") || endpoint.starts_with("https://");
  if (web && !net::authority_of(endpoint).empty() && endpoint.find_first_of("?#@ ") == std::string::npos)
    return endpoint;
  return fail(Error(ErrorKind::kInvalidInput, "STORAGE_EMULATOR_HOST names no server").hint("such as 127.0.0.1:4443"));
}

}  // namespace varve::storage
