#include "net/shared_key.h"

#include <algorithm>
#include <map>

#include "codec/base64.h"
#include "codec/hmac.h"
#include "net/encoding.h"

namespace varve::net {

namespace {

/// In the order in which their values are signed, the body's length between the second and the third. "date" is always
/// empty, since x-ms-date counts.
constexpr const char* kBeforeLength[] = {"content-encoding", "content-language"};
constexpr const char* kAfterLength[] = {"content-md5",   "content-type",        "date", "if-modified-since", "if-match",
                                        "if-none-match", "if-unmodified-since", "range"};

std::string value_of(const Request& request, std::string_view name) {
  const auto found = std::ranges::find(request.headers, name, &Header::name);
  return found == request.headers.end() ? "" : found->value;
}

std::string length_of(const Request& request) {
  uint64_t length = 0;
  for (const ByteView piece : request.body) length += piece.size();
  return length == 0 ? "" : std::to_string(length);
}

/// "\nname:value" for each field.
std::string query_text(std::string_view query) {
  std::map<std::string, std::string> fields;
  while (!query.empty()) {
    const auto field = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(field.size() + 1, query.size()));
    const auto name = field.substr(0, field.find('='));
    const auto value = field.substr(std::min(name.size() + 1, field.size()));
    fields[std::string(name)] = percent_decoded(value).value_or("");
  }
  std::string out;
  for (const auto& [name, value] : fields) out += '\n' + name + ':' + value;
  return out;
}

}  // namespace

std::string shared_key_text(const Request& request, const std::string& account) {
  std::string out = request.method + '\n';
  for (const char* name : kBeforeLength) out += value_of(request, name) + '\n';
  out += length_of(request) + '\n';
  for (const char* name : kAfterLength) out += value_of(request, name) + '\n';
  auto headers = request.headers;
  std::erase_if(headers, [](const Header& header) { return !header.name.starts_with("x-ms-"); });
  std::ranges::sort(headers, {}, &Header::name);
  for (const auto& header : headers) out += header.name + ':' + header.value + '\n';
  const auto target = target_of(request.url);
  return out + '/' + account + std::string(target.path) + query_text(target.query);
}

void sign_shared_key(Request& request, const AzureKey& key, Time now) {
  request.headers.push_back({"x-ms-date", format_http_date(now)});
  const auto text = shared_key_text(request, key.account);
  const Id signature = codec::hmac_sha256(key.secret, as_bytes(text));
  request.headers.push_back({"authorization", "SharedKey " + key.account + ':' + codec::base64(signature.bytes)});
}

}  // namespace varve::net
