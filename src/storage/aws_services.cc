#include "storage/aws_services.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "codec/sha256.h"
#include "net/encoding.h"
#include "storage/http_files.h"
#include "storage/json_answer.h"
#include "storage/xml_answer.h"

namespace varve::storage {

namespace {

using Kind = AwsLogin::Kind;

constexpr std::streamsize kLongestToken = 64 << 10;
constexpr std::chrono::seconds kExtension(120);  // no service is asked all the time
constexpr std::chrono::hours kLongestLoan(24);

/// It stands in one line of a header.
bool is_word(const std::string& text) {
  return !text.empty() && text.find_first_of(" \t\r\n") == std::string::npos;
}

Result<std::string> token_in(const std::string& path) {
  std::ifstream file(path);
  std::string text(kLongestToken, '\0');
  file.read(text.data(), kLongestToken);
  if (!file.eof()) return fail(ErrorKind::kInvalidInput, fmt::format("cannot read the token in {}", path));
  text.resize(static_cast<size_t>(file.gcount()));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (!text.empty() && text.find_first_of("\r\n") == std::string::npos) return text;
  return fail(ErrorKind::kInvalidInput, fmt::format("{} holds no token, or more than one", path));
}

/// By the service's own clock, so that this machine's may be wrong.
Result<LentKeys> lent(net::AwsKeys keys, const std::string& end, const net::Response& response, Time now,
                      const std::string& what) {
  const bool whole = is_word(keys.access_key) && is_word(keys.secret_key);
  if (!whole || (!keys.session_token.empty() && !is_word(keys.session_token))) {
    return fail(ErrorKind::kUnavailable, fmt::format("cannot {}: the answer holds none", what));
  }
  if (end.empty()) return LentKeys{std::move(keys), std::nullopt};
  const auto over = parse_rfc3339(end);
  if (!over) return fail(ErrorKind::kUnavailable, fmt::format("cannot {}: nobody knows when they end", what));
  const auto asked = net::parse_http_date(response.header("date")).value_or(now);
  const auto lifetime =
      std::chrono::floor<std::chrono::seconds>(*over) - std::chrono::floor<std::chrono::seconds>(asked);
  // Some give keys that have ended while they cannot make others, and the store may take them for a while.
  const auto good_for = lifetime.count() > 0 ? std::min<std::chrono::seconds>(lifetime, kLongestLoan) : kExtension;
  return LentKeys{std::move(keys), good_for};
}

/// What a service says, unless it says a secret.
std::string words_of(const std::string& code, const std::string& message, std::initializer_list<std::string> secrets) {
  const auto is_said = [&](const std::string& secret) {
    return !secret.empty() && (code + message).find(secret) != std::string::npos;
  };
  if (code.empty() || std::ranges::any_of(secrets, is_said)) return "";
  return message.empty() ? code : code + ": " + message;
}

Error refused(const net::Response& response, const std::string& what, const std::string& words) {
  const bool later = response.status >= 500 || response.status == 408 || response.status == 429;
  if (later) return status_error(response, what);
  return Error(ErrorKind::kDenied, fmt::format("cannot {}: it is refused ({}{}{})", what, response.status,
                                               words.empty() ? "" : ", ", words));
}

// --- Security Token Service -------------------------------------------------------------------------------------

Error role_error(const AwsLogin& login, const std::string& token, const net::Response& response,
                 const std::string& what) {
  const auto document = xml_in(response);
  auto said = document.child("ErrorResponse").child("Error");
  if (!said) said = document.child("Error");
  const std::string code = said.child_value("Code");
  const auto words =
      words_of(code, said.child_value("Message"), {token, login.keys.secret_key, login.keys.session_token});
  if (code == "ExpiredTokenException" && !token.empty()) {
    return Error(ErrorKind::kDenied, fmt::format("cannot {}: the token in {} has ended", what, login.token_file))
        .hint("whatever writes that file (the kubelet, say) has not renewed it");
  }
  if (code == "IDPCommunicationError" || code == "Throttling") {
    return Error(ErrorKind::kUnavailable, fmt::format("cannot {}: {}", what, words));
  }
  auto error = refused(response, what, words);
  if (error.kind() != ErrorKind::kDenied) return error;
  return std::move(error).hint(
      token.empty() ? fmt::format("does {} trust the user of these keys, and may that user take it?", login.role)
                    : fmt::format("does {} trust whoever made the token in {}?", login.role, login.token_file));
}

/// Once more if this machine's clock was wrong.
Result<net::Response> send_signed(const net::Request& request, const AwsLogin& login, net::Client& client, Time now,
                                  const Cancel& cancel) {
  const auto send_at = [&](Time time) {
    net::Request sent = request;
    const std::string region = login.region.empty() ? "us-east-1" : login.region;
    net::sign_v4(sent, codec::sha256(sent.body.front()), login.keys, {time, region, "sts"});
    return client.send(sent, cancel);
  };
  auto response = send_at(now);
  if (!response || response->succeeded()) return response;
  const auto skew = clock_ahead(*response).value_or(0);
  return std::abs(skew) > kToleratedSkew ? send_at(now + std::chrono::seconds(skew)) : std::move(response);
}

Result<LentKeys> by_role(const AwsLogin& login, net::Client& client, Time now, const Cancel& cancel) {
  const auto what = fmt::format("get keys for {} from {}", login.role, net::authority_of(login.url));
  const bool by_token = login.kind == Kind::kWebIdentity;
  const std::string action = by_token ? "AssumeRoleWithWebIdentity" : "AssumeRole";
  std::vector<std::pair<std::string, std::string>> fields = {
      {"Action", action}, {"Version", "2011-06-15"}, {"RoleArn", login.role}, {"RoleSessionName", login.session_name}};
  if (!login.external_id.empty()) fields.emplace_back("ExternalId", login.external_id);
  std::string token;
  if (by_token) {
    TRY_ASSIGN(token, token_in(login.token_file));
    fields.emplace_back("WebIdentityToken", token);
  }
  const auto form = net::query_string(std::move(fields));
  const ByteView body[] = {as_bytes(form)};
  net::Request request{.method = "POST",
                       .url = login.url,
                       .headers = {{"content-type", "application/x-www-form-urlencoded"}},
                       .body = body};
  TRY_ASSIGN(const auto response,
             by_token ? client.send(request, cancel) : send_signed(request, login, client, now, cancel));
  if (!response.succeeded()) return fail(role_error(login, token, response, what));
  const auto document = xml_in(response);
  const auto given =
      document.child((action + "Response").c_str()).child((action + "Result").c_str()).child("Credentials");
  return lent(
      {given.child_value("AccessKeyId"), given.child_value("SecretAccessKey"), given.child_value("SessionToken")},
      given.child_value("Expiration"), response, now, what);
}

// --- Containers and machines ------------------------------------------------------------------------------------

Result<LentKeys> lent_in_json(const net::Response& response, Time now, const std::string& what) {
  const Json json = json_in(response);
  return lent({text_at(json, "AccessKeyId"), text_at(json, "SecretAccessKey"), text_at(json, "Token")},
              text_at(json, "Expiration"), response, now, what);
}

Result<LentKeys> by_container(const AwsLogin& login, net::Client& client, Time now, const Cancel& cancel) {
  const auto what = fmt::format("get the container's keys from {}", net::authority_of(login.url));
  std::string token = login.token;
  if (!login.token_file.empty()) {
    TRY_ASSIGN(token, token_in(login.token_file));
  }
  net::Request request{.url = login.url};
  if (!token.empty() && token.find_first_of("\r\n") != std::string::npos) {
    return fail(ErrorKind::kInvalidInput, "AWS_CONTAINER_AUTHORIZATION_TOKEN holds more than a line");
  }
  if (!token.empty()) request.headers = {{"authorization", token}};
  TRY_ASSIGN(const auto response, client.send(request, cancel));
  if (response.succeeded()) return lent_in_json(response, now, what);
  const Json json = json_in(response);
  return fail(refused(response, what, words_of(text_at(json, "code"), text_at(json, "message"), {token}))
                  .hint("has the task, or the pod's account, a role?"));
}

Result<std::string> text_of_metadata(const net::Response& response) {
  if (response.succeeded()) return std::string(as_text(response.body));
  auto error = refused(response, "ask the machine's metadata for keys", "");
  if (error.kind() != ErrorKind::kDenied) return fail(std::move(error));
  return fail(
      Error(ErrorKind::kDenied,
            fmt::format("there is no login for S3, and this machine's metadata give none ({})", response.status))
          .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role (an instance profile)"));
}

Result<LentKeys> by_metadata(const AwsLogin& login, net::Client& client, Time now, const Cancel& cancel) {
  const auto roles = login.url + "/latest/meta-data/iam/security-credentials/";
  const auto first = client.send({.method = "PUT",
                                  .url = login.url + "/latest/api/token",
                                  .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}}},
                                 cancel);
  if (!first) {
    const bool silent = first.error().kind() == ErrorKind::kUnavailable;
    return silent ? fail(ErrorKind::kNotFound, first.error().message()) : fail(first.error());
  }
  TRY_ASSIGN(const auto token, text_of_metadata(*first));
  if (!is_word(token)) return fail(ErrorKind::kUnavailable, "the machine's metadata answer without a token");
  const std::vector<net::Header> shown = {{"x-aws-ec2-metadata-token", token}};
  TRY_ASSIGN(const auto named, client.send({.url = roles, .headers = shown}, cancel));
  TRY_ASSIGN(auto role, text_of_metadata(named));
  role = role.substr(0, role.find_first_of("\r\n"));
  const auto what = fmt::format("get the keys of the role {} from the machine's metadata", role);
  TRY_ASSIGN(const auto response, client.send({.url = roles + net::percent_encoded(role), .headers = shown}, cancel));
  if (!response.succeeded()) return fail(refused(response, what, ""));
  const auto code = text_at(json_in(response), "Code");
  if (!code.empty() && code != "Success") {
    return fail(ErrorKind::kUnavailable, fmt::format("cannot {}: they say {}", what, code));
  }
  return lent_in_json(response, now, what);
}

}  // namespace

Result<LentKeys> lend_keys(const AwsLogin& login, net::Client& client, Time now, const Cancel& cancel) {
  switch (login.kind) {
    case Kind::kRole:
    case Kind::kWebIdentity:
      return by_role(login, client, now, cancel);
    case Kind::kContainer:
      return by_container(login, client, now, cancel);
    case Kind::kMetadata:
      return by_metadata(login, client, now, cancel);
    case Kind::kKeys:
      break;
  }
  return LentKeys{login.keys, std::nullopt};
}

Error no_metadata() {
  return Error(ErrorKind::kDenied, "there is no login for S3, and this machine has no metadata that gives one")
      .hint(
          "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials (AWS_PROFILE names one), "
          "hold it")
      .hint("in a container on an instance of EC2 its metadata answer only with a hop limit of 2");
}

std::string origin_of(const AwsLogin& login) {
  switch (login.kind) {
    case Kind::kRole:
      return fmt::format("the role {} gives", login.role);
    case Kind::kWebIdentity:
      return fmt::format("the role {} gives, for the token in {}", login.role, login.token_file);
    case Kind::kContainer:
      return "the container's service gives";
    case Kind::kMetadata:
      return "the machine's metadata give";
    case Kind::kKeys:
      break;
  }
  return "";
}

}  // namespace varve::storage
