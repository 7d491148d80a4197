#include "storage/openstack_token.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/parse.h"
#include "storage/http_files.h"

namespace varve::storage {

namespace {

using Json = nlohmann::json;
using std::chrono::nanoseconds;

// Requests.

Json domain(const std::string& id, const std::string& name) {
  if (!id.empty()) return {{"id", id}};
  return name.empty() ? Json{{"id", "default"}} : Json{{"name", name}};
}

Json user_of(const OpenstackLogin& login) {
  if (!login.user_id.empty()) return {{"id", login.user_id}};
  return {{"name", login.user}, {"domain", domain(login.user_domain_id, login.user_domain)}};
}

bool by_application(const OpenstackLogin& login) {
  return !login.application_id.empty() || !login.application_name.empty();
}

Json identity_of(const OpenstackLogin& login) {
  if (!by_application(login)) {
    Json user = user_of(login);
    user["password"] = login.password;
    return {{"methods", {"password"}}, {"password", {{"user", user}}}};
  }
  Json credential = {{"secret", login.application_secret}};
  if (!login.application_id.empty()) {
    credential["id"] = login.application_id;
  } else {
    credential["name"] = login.application_name;
    credential["user"] = user_of(login);
  }
  return {{"methods", {"application_credential"}}, {"application_credential", credential}};
}

/// Null where the login has a project of its own. A project is of the user's domain where nobody says another.
Json scope_of(const OpenstackLogin& login) {
  if (by_application(login)) return nullptr;
  if (!login.trust_id.empty()) return {{"OS-TRUST:trust", {{"id", login.trust_id}}}};
  if (!login.project_id.empty()) return {{"project", {{"id", login.project_id}}}};
  if (login.project.empty()) return nullptr;
  const bool own = !login.project_domain_id.empty() || !login.project_domain.empty();
  const Json of =
      own ? domain(login.project_domain_id, login.project_domain) : domain(login.user_domain_id, login.user_domain);
  return {{"project", {{"name", login.project}, {"domain", of}}}};
}

Json body_of_version_3(const OpenstackLogin& login) {
  Json auth = {{"identity", identity_of(login)}};
  if (const Json scope = scope_of(login); !scope.is_null()) auth["scope"] = scope;
  return {{"auth", auth}};
}

Json body_of_version_2(const OpenstackLogin& login) {
  Json auth = {{"passwordCredentials", {{"username", login.user}, {"password", login.password}}}};
  if (!login.project_id.empty()) {
    auth["tenantId"] = login.project_id;
  } else if (!login.project.empty()) {
    auth["tenantName"] = login.project;
  }
  return {{"auth", auth}};
}

// Answers.

/// Null where it is not there.
const Json& at(const Json& json, const char* key) {
  static const Json kNull;
  if (!json.is_object()) return kNull;
  const auto found = json.find(key);
  return found == json.end() ? kNull : *found;
}

std::string text_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  return value.is_string() ? value.get<std::string>() : "";
}

struct Endpoint {
  std::set<std::string> regions;  ///< all that it goes by
  std::string url;
};

std::vector<Endpoint> endpoints_of_version_3(const Json& token, const std::string& interface) {
  std::vector<Endpoint> out;
  for (const Json& service : at(token, "catalog")) {
    if (text_at(service, "type") != "object-store") continue;
    for (const Json& endpoint : at(service, "endpoints")) {
      if (text_at(endpoint, "interface") != interface) continue;
      out.push_back({{text_at(endpoint, "region"), text_at(endpoint, "region_id")}, text_at(endpoint, "url")});
    }
  }
  return out;
}

std::vector<Endpoint> endpoints_of_version_2(const Json& access, const std::string& interface) {
  std::vector<Endpoint> out;
  for (const Json& service : at(access, "serviceCatalog")) {
    if (text_at(service, "type") != "object-store") continue;
    for (const Json& endpoint : at(service, "endpoints")) {
      if (auto url = text_at(endpoint, (interface + "URL").c_str()); !url.empty()) {
        out.push_back({{text_at(endpoint, "region")}, std::move(url)});
      }
    }
  }
  return out;
}

std::string names_of_regions(const std::vector<Endpoint>& endpoints) {
  std::set<std::string> all;
  for (const auto& endpoint : endpoints) all.insert(endpoint.regions.begin(), endpoint.regions.end());
  all.erase("");
  return fmt::format("{}", fmt::join(all, ", "));
}

Result<std::string> choose(const std::vector<Endpoint>& endpoints, const OpenstackLogin& login,
                           const std::string& interface) {
  if (endpoints.empty()) {
    return fail(Error(ErrorKind::kInvalidInput,
                      fmt::format("the login has no object store: the catalogue of {} names none that is {}",
                                  net::authority_of(login.auth_url), interface))
                    .hint("a login without a project has none: OS_PROJECT_NAME names it"));
  }
  if (login.region.empty()) return endpoints.front().url;
  const auto found = std::ranges::find_if(endpoints, [&](const auto& it) { return it.regions.contains(login.region); });
  if (found != endpoints.end()) return found->url;
  return fail(Error(ErrorKind::kInvalidInput, fmt::format("there is no object store in the region {}", login.region))
                  .hint(fmt::format("OS_REGION_NAME names it; there are: {}", names_of_regions(endpoints))));
}

/// Until when, seen from the server's own clock: that of this machine may be wrong.
std::optional<nanoseconds> lifetime_until(const std::string& end, const net::Response& response) {
  const auto over = parse_rfc3339(end);
  if (!over) return std::nullopt;
  return *over - net::parse_http_date(response.header("date")).value_or(system_clock().now());
}

/// "publicURL" has been written for "public", too.
std::string interface_of(const OpenstackLogin& login) {
  std::string name = login.interface.empty() ? "public" : login.interface;
  if (name.ends_with("URL")) name.resize(name.size() - 3);
  return name;
}

Result<SwiftAccess> read_headers(const net::Response& response) {
  SwiftAccess access{.storage_url = std::string(response.header("x-storage-url")),
                     .token = std::string(response.header("x-auth-token")),
                     .lifetime = {}};
  if (const auto seconds = parse_number<uint32_t>(response.header("x-auth-token-expires"))) {
    access.lifetime = std::chrono::seconds(*seconds);
  }
  return access;
}

Result<SwiftAccess> read_body(const OpenstackLogin& login, const net::Response& response) {
  const Json json = Json::parse(response.body.begin(), response.body.end(), nullptr, false);
  const std::string interface = interface_of(login);
  SwiftAccess access;
  if (login.version == "3") {
    const Json& token = at(json, "token");
    if (!token.is_object()) return access;
    access.token = response.header("x-subject-token");
    access.lifetime = lifetime_until(text_at(token, "expires_at"), response);
    TRY_ASSIGN(access.storage_url, choose(endpoints_of_version_3(token, interface), login, interface));
    return access;
  }
  const Json& given = at(json, "access");
  const Json& token = at(given, "token");
  if (!token.is_object()) return access;
  access.token = text_at(token, "id");
  access.lifetime = lifetime_until(text_at(token, "expires"), response);
  TRY_ASSIGN(access.storage_url, choose(endpoints_of_version_2(given, interface), login, interface));
  return access;
}

Error refused(const OpenstackLogin& login, const net::Response& response) {
  const auto what = fmt::format("log in at {}", net::authority_of(login.auth_url));
  if (response.status == 401) {
    return Error(ErrorKind::kDenied, fmt::format("cannot {}: the user, the password or the project is wrong", what))
        .hint("the variables are OS_... or ST_...; OS_USER_DOMAIN_NAME and OS_PROJECT_DOMAIN_NAME count as well");
  }
  auto error = status_error(response, what);
  if (response.status == 404 || response.status == 300) {
    return Error(ErrorKind::kInvalidInput,
                 fmt::format("cannot {}: there is no identity service at {}", what, login.auth_url))
        .hint("OS_AUTH_URL ends in /v3 mostly, ST_AUTH in /auth/v1.0");
  }
  return error;
}

bool is_web_url(std::string_view url) {
  return (url.starts_with("http://") || url.starts_with("https://")) && !net::authority_of(url).empty();
}

}  // namespace

TokenRequest token_request(const OpenstackLogin& login) {
  if (login.version == "1") {
    return {.method = "GET",
            .url = login.auth_url,
            .headers = {{"x-auth-user", login.user}, {"x-auth-key", login.password}},
            .body = {}};
  }
  const bool third = login.version == "3";
  const Json body = third ? body_of_version_3(login) : body_of_version_2(login);
  return {.method = "POST",
          .url = login.auth_url + (third ? "/auth/tokens" : "/tokens"),
          .headers = {{"content-type", "application/json"}, {"accept", "application/json"}},
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Result<SwiftAccess> read_token(const OpenstackLogin& login, const net::Response& response) {
  if (!response.succeeded()) return fail(refused(login, response));
  TRY_ASSIGN(auto access, login.version == "1" ? read_headers(response) : read_body(login, response));
  if (access.token.empty() || !is_web_url(access.storage_url)) {
    return fail(Error(ErrorKind::kUnavailable,
                      fmt::format("{} gives no token for an object store", net::authority_of(login.auth_url)))
                    .hint("is it OpenStack's identity service, or Swift's own?"));
  }
  while (access.storage_url.ends_with('/')) access.storage_url.pop_back();
  return access;
}

}  // namespace varve::storage
