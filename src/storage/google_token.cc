#include "storage/google_token.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/base64.h"
#include "codec/rs256.h"
#include "net/encoding.h"
#include "storage/http_files.h"
#include "storage/json_answer.h"

namespace varve::storage {

namespace {

using Kind = GoogleLogin::Kind;
using std::chrono::seconds;

constexpr const char* kScope = "https://www.googleapis.com/auth/devstorage.read_write";
constexpr seconds kLongest{3600};
constexpr seconds kToleratedAge{300};  // of what a service account signs

/// A machine's metadata is next to it, or it has none; no proxy gets to see its tokens.
net::ClientOptions options_for(const GoogleLogin& login, net::ClientOptions http) {
  if (login.kind == Kind::kMetadata) {
    http.connect_timeout = seconds(5);
    http.direct = true;
  }
  http.upload_limit = http.download_limit = 0;
  return http;
}

Error no_login() {
  return Error(ErrorKind::kDenied, "there is no login for Google, and this machine has no metadata that names one")
      .hint(
          "GOOGLE_APPLICATION_CREDENTIALS names the file with the key of a service account; GOOGLE_ACCESS_TOKEN takes "
          "a "
          "token");
}

}  // namespace

Result<std::string> google_assertion(const GoogleLogin& login, Time now) {
  const auto issued = std::chrono::floor<seconds>(now).time_since_epoch();
  Json header = {{"alg", "RS256"}, {"typ", "JWT"}};
  if (!login.key_id.empty()) header["kid"] = login.key_id;
  const Json claims = {{"iss", login.email},
                       {"scope", kScope},
                       {"aud", login.token_url},
                       {"iat", issued.count()},
                       {"exp", (issued + kLongest).count()}};
  const auto encoded = [](const Json& json) {
    return codec::base64_url(as_bytes(json.dump(-1, ' ', false, Json::error_handler_t::replace)));
  };
  const std::string text = encoded(header) + '.' + encoded(claims);
  const auto signature = codec::rs256(login.private_key, as_bytes(text));
  if (!signature) return fail(ErrorKind::kInvalidInput, "the service account's private key is none");
  return text + '.' + codec::base64_url(*signature);
}

GoogleToken::GoogleToken(GoogleLogin login, net::ClientOptions http, const Clock& clock)
    : login_(std::move(login)), clock_(clock), client_(options_for(login_, std::move(http))), grant_(clock) {}

Result<std::string> GoogleToken::get(const std::string& refused, const Cancel& cancel) {
  if (login_.kind == Kind::kNone || login_.kind == Kind::kToken) return login_.token;
  const auto judge = [&](const Grant& grant) {
    return grant.token == refused ? Use::kOver : grant.lease.at(clock_.ticks());
  };
  const auto make = [&]() -> Result<std::shared_ptr<const Grant>> {
    TRY_ASSIGN(auto grant, ask(cancel));
    return std::make_shared<const Grant>(std::move(grant));
  };
  TRY_ASSIGN(const auto grant, grant_.get(cancel, judge, make));
  return grant->token;
}

Result<net::Request> GoogleToken::request_for(std::string& form) const {
  net::Request request{.url = login_.token_url, .response_limit = 64u << 10};
  if (login_.kind == Kind::kMetadata) {
    request.headers = {{"metadata-flavor", "Google"}};
    return request;
  }
  if (login_.kind == Kind::kServiceAccount) {
    TRY_ASSIGN(const auto assertion, google_assertion(login_, clock_.now()));
    form = net::query_string({{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", assertion}});
  } else {
    form = net::query_string({{"grant_type", "refresh_token"},
                              {"client_id", login_.client_id},
                              {"client_secret", login_.client_secret},
                              {"refresh_token", login_.refresh_token}});
  }
  request.method = "POST";
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  return request;
}

/// Where a machine's metadata was never found, what does not answer, or is not they, means that it has none.
Result<net::Response> GoogleToken::reach(const net::Request& request, const Cancel& cancel) {
  auto response = client_.send(request, cancel);
  if (login_.kind != Kind::kMetadata) return response;
  if (!response) {
    const bool none = !found_metadata_ && response.error().kind() == ErrorKind::kUnavailable;
    return none ? fail(no_login()) : fail(response.error());
  }
  const bool theirs = response->header("metadata-flavor") == "Google";
  if (theirs) found_metadata_ = true;
  if (theirs || response->status >= 500) return response;
  return fail(no_login());
}

Result<GoogleToken::Grant> GoogleToken::ask(const Cancel& cancel) {
  std::string form;
  TRY_ASSIGN(auto request, request_for(form));
  const ByteView body[] = {as_bytes(form)};
  if (!form.empty()) request.body = body;
  const auto asked = clock_.ticks();
  TRY_ASSIGN(const auto response, reach(request, cancel));
  if (!response.succeeded()) return fail(refusal(response));
  const Json json = json_in(response);
  const std::string token = text_at(json, "access_token");
  if (token.empty() || token.find_first_of(" \r\n") != std::string::npos) {
    return fail(ErrorKind::kUnavailable, "the server that gives out Google's tokens answers without one");
  }
  const auto lasts = json.find("expires_in");
  const bool told = lasts != json.end() && lasts->is_number_integer();
  const seconds lifetime = told ? seconds(std::clamp<int64_t>(lasts->get<int64_t>(), 0, 24 * 3600)) : kLongest;
  return Grant{token, {asked, lifetime}};
}

/// OAuth's errors: {"error": "invalid_grant", "error_description": "..."}.
Error GoogleToken::refusal(const net::Response& response) const {
  const std::string what = "get a token from Google";
  const auto skew = clock_ahead(response).value_or(0);
  const Json json = json_in(response);
  const std::string code = text_at(json, "error"), words = text_at(json, "error_description");
  if (response.status == 400 && login_.kind == Kind::kServiceAccount && std::abs(skew) > kToleratedAge.count()) {
    return clocks_differ(what, skew);
  }
  if (response.status >= 500 || response.status == 408 || response.status == 429) return status_error(response, what);
  if (login_.kind == Kind::kMetadata) return no_login();
  Error error(ErrorKind::kDenied,
              fmt::format("cannot {}: the login is refused ({}{}{})", what,
                          code.empty() ? std::to_string(response.status) : code, words.empty() ? "" : ": ", words));
  error.hint(login_.kind == Kind::kUser ? "`gcloud auth application-default login` makes a new one"
                                        : "is the service account there still, and this key one of its keys?");
  return error;
}

}  // namespace varve::storage
