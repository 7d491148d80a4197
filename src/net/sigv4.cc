#include "net/sigv4.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/hmac.h"
#include "codec/sha256.h"

namespace varve::net {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

/// 20130524T000000Z
std::string basic_time(Time time) {
  std::string out = format_rfc3339(std::chrono::floor<std::chrono::seconds>(time));
  std::erase_if(out, [](char c) { return c == '-' || c == ':'; });
  return out;
}

std::string scope_text(const SigningScope& scope) {
  return fmt::format("{}/{}/{}/aws4_request", basic_time(scope.now).substr(0, 8), scope.region, scope.service);
}

/// Without the white space around it, and with a single space for any run of it.
std::string collapsed(std::string_view value) {
  std::string out;
  bool space = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      space = !out.empty();
      continue;
    }
    if (space) out += ' ';
    space = false;
    out += c;
  }
  return out;
}

std::vector<Header> sorted(std::vector<Header> headers) {
  std::ranges::stable_sort(headers, {}, &Header::name);
  return headers;
}

std::string signed_names(const std::vector<Header>& headers) {
  std::string names;
  for (const auto& header : sorted(headers)) names += (names.empty() ? "" : ";") + header.name;
  return names;
}

}  // namespace

std::string canonical_request(const Request& request, std::string_view body_hash) {
  const auto target = target_of(request.url);
  std::string out = fmt::format("{}\n{}\n{}\n", request.method, target.path, target.query);
  for (const auto& header : sorted(request.headers)) out += header.name + ':' + collapsed(header.value) + '\n';
  return fmt::format("{}\n{}\n{}", out, signed_names(request.headers), body_hash);
}

std::string signature_v4(std::string_view canonical, const AwsKeys& keys, const SigningScope& scope) {
  const auto to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, basic_time(scope.now), scope_text(scope),
                                   codec::sha256(as_bytes(canonical)).hex());
  const std::string date = basic_time(scope.now).substr(0, 8);
  Id key = codec::hmac_sha256(as_bytes("AWS4" + keys.secret_key), as_bytes(date));
  for (const std::string_view part : {std::string_view(scope.region), std::string_view(scope.service),
                                      std::string_view("aws4_request"), std::string_view(to_sign)}) {
    key = codec::hmac_sha256(key.bytes, as_bytes(part));
  }
  return key.hex();
}

void sign_v4(Request& request, const Id& body_hash, const AwsKeys& keys, const SigningScope& scope) {
  auto& headers = request.headers;
  headers.push_back({"host", authority_of(request.url)});
  headers.push_back({"x-amz-content-sha256", body_hash.hex()});
  headers.push_back({"x-amz-date", basic_time(scope.now)});
  if (!keys.session_token.empty()) headers.push_back({"x-amz-security-token", keys.session_token});
  const auto signature = signature_v4(canonical_request(request, body_hash.hex()), keys, scope);
  headers.push_back(
      {"authorization", fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, keys.access_key,
                                    scope_text(scope), signed_names(headers), signature)});
}

}  // namespace varve::net
