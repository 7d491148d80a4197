#include "storage/google_token.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "codec/base64.h"
#include "codec/rs256.h"
#include "net/encoding.h"
#include "storage/http_files.h"

namespace varve::storage {

namespace {

using Json = nlohmann::json;
using Kind = GoogleLogin::Kind;
using std::chrono::seconds;

constexpr const char* kScope = "https://www.googleapis.com/auth/devstorage.read_write";
constexpr seconds kLongest{3600};
constexpr seconds kEarly{240};         // before its end a token is renewed
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

std::string text_at(const Json& json, const char* name) {
  if (!json.is_object()) return "";
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

Json json_in(const net::Response& response) {
  return Json::parse(response.body.begin(), response.body.end(), nullptr, false);
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
    : login_(std::move(login)), clock_(clock), client_(options_for(login_, std::move(http))) {}

Result<std::string> GoogleToken::get(const Cancel& cancel) {
  if (login_.kind == Kind::kNone || login_.kind == Kind::kToken) return login_.token;
  TRY(cancel.check());
  std::unique_lock lock(mutex_);
  while (renewing_) {
    const unsigned before = renewals_;
    if (!renewed_.wait(lock, cancel.token(), [&] { return renewals_ != before; })) TRY(cancel.check());
    if (failure_ && !is_stop(*failure_)) return present();
  }
  if (!grant_.token.empty() && clock_.now() + kEarly < grant_.end) return grant_.token;
  renewing_ = true;
  lock.unlock();
  auto asked = ask(cancel);
  lock.lock();
  renewing_ = false;
  ++renewals_;
  failure_ = asked ? std::nullopt : std::optional(asked.error());
  if (asked) grant_ = *std::move(asked);
  renewed_.notify_all();
  if (failure_ && is_stop(*failure_)) return fail(*failure_);
  return present();
}

/// The one that was, where no other is to be had, as long as it is good.
Result<std::string> GoogleToken::present() const {
  if (failure_ && (grant_.token.empty() || clock_.now() >= grant_.end)) return fail(*failure_);
  return grant_.token;
}

bool GoogleToken::renounce(const std::string& token) {
  if (login_.kind == Kind::kNone || login_.kind == Kind::kToken) return false;
  const std::lock_guard lock(mutex_);
  if (grant_.token == token) grant_.token.clear();
  return true;
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
  const auto asked = clock_.now();
  TRY_ASSIGN(const auto response, reach(request, cancel));
  if (!response.succeeded()) return fail(refusal(response));
  const Json json = json_in(response);
  const std::string token = text_at(json, "access_token");
  if (token.empty() || token.find_first_of(" \r\n") != std::string::npos) {
    return fail(ErrorKind::kUnavailable, "the server that gives out Google's tokens answers without one");
  }
  const auto lasts = json.find("expires_in");
  const bool told = lasts != json.end() && lasts->is_number_integer();
  return Grant{
      token, asked + (told ? std::min(seconds(std::max<int64_t>(lasts->get<int64_t>(), 0)), kLongest * 24) : kLongest)};
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
