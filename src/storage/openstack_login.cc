#include "storage/openstack_login.h"

#include <fmt/format.h>

#include "net/encoding.h"
#include "net/http.h"

namespace varve::storage {

namespace {

constexpr const char* kVariables =
    "ST_AUTH, ST_USER and ST_KEY; or OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME; or OS_AUTH_URL with "
    "OS_APPLICATION_CREDENTIAL_ID and _SECRET; or OS_STORAGE_URL and OS_AUTH_TOKEN; or OS_CLOUD and clouds.yaml";
constexpr const char* kIdentityService = "the address of the identity service";

Error incomplete(const std::string& what) {
  return Error(ErrorKind::kInvalidInput, what).hint(fmt::format("a login for Swift is in {}", kVariables));
}

/// The first part of the path that begins like "v3"; restic, too, takes the version from there.
std::string version_in(std::string_view url) {
  const size_t host = url.find("://");
  const size_t path = host == std::string_view::npos ? host : url.find('/', host + 3);
  for (size_t at = path; at != std::string_view::npos; at = url.find('/', at + 1)) {
    for (const char digit : {'1', '2', '3'}) {
      if (url.substr(at + 1).starts_with(std::string{'v', digit})) return {digit};
    }
  }
  return "";
}

/// "3", "v3" or "2.0"
std::string first_digit(const std::string& text) {
  const size_t at = text.find_first_of("0123456789");
  return at == std::string::npos ? "" : text.substr(at, 1);
}

/// The URL with the version in it, and the version.
Status complete_version(OpenstackLogin& login) {
  while (login.auth_url.ends_with('/')) login.auth_url.pop_back();
  if (const auto told = version_in(login.auth_url); !told.empty()) {
    login.version = told;
    return {};
  }
  login.version = login.version.empty() ? "3" : first_digit(login.version);
  if (login.version == "3") login.auth_url += "/v3";
  if (login.version == "2") login.auth_url += "/v2.0";
  if (login.version == "1" || login.version == "2" || login.version == "3") return {};
  return fail(ErrorKind::kInvalidInput, "the version of the identity service is none of 1, 2 and 3");
}

Status expect_url(const std::string& url, const std::string& what) {
  const bool of_the_web = url.starts_with("http://") || url.starts_with("https://");
  const std::string host = net::authority_of(url);
  if (of_the_web && !host.empty() && host.find('@') == std::string::npos) return {};
  return fail(ErrorKind::kInvalidInput, fmt::format("{} is no URL as it should be: http:// or https://, a host without "
                                                    "a login, a path",
                                                    what));
}

Status expect_who(const OpenstackLogin& login) {
  const bool by_application = !login.application_id.empty() || !login.application_name.empty();
  if (by_application) {
    if (login.version != "3") return fail(incomplete("application credentials need version 3 of the identity service"));
    if (login.application_secret.empty())
      return fail(incomplete("the secret of the application credential is missing"));
    if (!login.application_id.empty() || !login.user_id.empty() || !login.user.empty()) return {};
    return fail(incomplete("an application credential that is named needs the user whose it is"));
  }
  if (login.user.empty() && (login.user_id.empty() || login.version != "3")) {
    return fail(incomplete("the login for Swift names no user"));
  }
  if (login.password.empty()) return fail(incomplete("the login for Swift has no password"));
  return {};
}

/// Of a token that was given: by the login beside it, if there is a whole one.
Status complete_renewal(OpenstackLogin& login) {
  if (login.auth_url.empty()) return {};
  TRY(expect_url(login.auth_url, kIdentityService));
  TRY(complete_version(login));
  if (!expect_who(login)) login.auth_url.clear();
  return {};
}

}  // namespace

Result<OpenstackLogin> openstack_login(const OpenstackSettings& settings) {
  OpenstackLogin login = settings.variables;
  const bool given = !login.storage_url.empty() && !login.token.empty();
  if (given) {
    TRY(expect_url(login.storage_url, "OS_STORAGE_URL"));
    while (login.storage_url.ends_with('/')) login.storage_url.pop_back();
    TRY(complete_renewal(login));
    return login;
  }
  if (login.auth_url.empty() && !settings.cloud.empty()) {
    TRY_ASSIGN(login, login_of_cloud(settings));
  }
  if (login.auth_url.empty()) return fail(incomplete("there is no login for Swift"));
  TRY(expect_url(login.auth_url, kIdentityService));
  TRY(complete_version(login));
  TRY(expect_who(login));
  login.storage_url.clear();  // half of a pair
  login.token.clear();
  return login;
}

}  // namespace varve::storage
