#include "storage/google.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/clock.h"
#include "codec/base64.h"
#include "codec/crc32c.h"
#include "net/encoding.h"
#include "storage/google_answers.h"
#include "storage/layout.h"

namespace varve::storage {

namespace {

using Json = nlohmann::json;

/// As Google writes it: most significant byte first, in base64.
std::string crc_of(Payload payload) {
  uint32_t crc = 0;
  for (const ByteView piece : payload) crc = codec::crc32c(piece, crc);
  const uint8_t bytes[] = {static_cast<uint8_t>(crc >> 24), static_cast<uint8_t>(crc >> 16),
                           static_cast<uint8_t>(crc >> 8), static_cast<uint8_t>(crc)};
  return codec::base64(bytes);
}

/// That no file has in it, by chance or by intent.
std::string new_boundary() {
  std::array<uint8_t, 24> random;
  random_bytes(random);
  return to_hex(random);
}

std::string with_query(std::string url, const std::vector<std::pair<std::string, std::string>>& query) {
  if (!query.empty()) url += '?' + net::query_string(query);
  return url;
}

}  // namespace

GoogleStorage::GoogleStorage(BucketPlace place, GoogleLogin login, GoogleOptions options,
                             const net::ClientOptions& http, unsigned connections)
    : place_(std::move(place)),
      options_(std::move(options)),
      connections_(connections),
      client_(http),
      token_(std::move(login), http) {}

std::string GoogleStorage::name_of(const Handle& handle) const {
  return location() + handle.path();
}

std::string GoogleStorage::listing_url(const Query& query) const {
  return with_query(fmt::format("{}/storage/v1/b/{}/o", options_.endpoint, net::percent_encoded(place_.bucket)), query);
}

std::string GoogleStorage::url_of(const Handle& handle, const Query& query) const {
  return with_query(listing_url({}) + '/' + net::percent_encoded(place_.prefix + handle.path()), query);
}

Result<net::Response> GoogleStorage::ask_once(net::Request request, const std::string& token, const Cancel& cancel) {
  if (!token.empty()) request.headers.push_back({"authorization", "Bearer " + token});
  return client_.send(request, cancel);
}

Result<net::Response> GoogleStorage::ask(const net::Request& request, const Cancel& cancel) {
  TRY_ASSIGN(const auto token, token_.get("", cancel));
  auto response = ask_once(request, token, cancel);
  if (!response || response->status != 401) return response;
  TRY_ASSIGN(const auto other, token_.get(token, cancel));
  return other == token ? std::move(response) : ask_once(request, other, cancel);
}

Status GoogleStorage::create(const Cancel& cancel) {
  const auto config = stat({}, cancel);
  if (config) return fail(ErrorKind::kExists, fmt::format("there is a repository at {} already", location()));
  if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
  const auto there = expect_bucket(cancel);
  return !there && there.error().kind() == ErrorKind::kNotFound ? create_bucket(cancel) : there;
}

/// By a listing: who may use a bucket need not be allowed to look at it.
Status GoogleStorage::expect_bucket(const Cancel& cancel) {
  TRY_ASSIGN(const auto response,
             ask({.url = listing_url({{"maxResults", "1"}}), .response_limit = kLargestPage}, cancel));
  if (response.succeeded()) return {};
  const auto error = google_error(response, fmt::format("find the bucket {}", place_.bucket));
  if (error.kind() != ErrorKind::kNotFound) return fail(error);
  return fail(
      Error(ErrorKind::kNotFound, fmt::format("there is no bucket {}", place_.bucket)).hint("`varve init` makes it"));
}

Status GoogleStorage::create_bucket(const Cancel& cancel) {
  if (options_.project.empty()) {
    return fail(Error(ErrorKind::kInvalidInput,
                      fmt::format("there is no bucket {}, and a new one needs a project", place_.bucket))
                    .hint("GOOGLE_PROJECT_ID names it"));
  }
  const std::string text = Json{{"name", place_.bucket}, {"location", options_.region}}.dump();
  const ByteView body[] = {as_bytes(text)};
  TRY_ASSIGN(const auto made,
             ask({.method = "POST",
                  .url = with_query(options_.endpoint + "/storage/v1/b", {{"project", options_.project}}),
                  .headers = {{"content-type", "application/json"}},
                  .body = body},
                 cancel));
  if (made.succeeded()) return {};
  if (made.status == 409 && expect_bucket(cancel)) return {};  // by somebody else, at the same time
  return fail(google_error(made, fmt::format("make the bucket {}", place_.bucket)));
}

Status GoogleStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  const auto crc = crc_of(payload);
  const uint64_t size = payload_size(payload);
  TRY_ASSIGN(const auto response, upload(handle, payload, crc, cancel));
  if (response.succeeded()) return check_upload(handle, response, size, crc, cancel);
  const auto what = fmt::format("store {} ({} bytes)", name_of(handle), size);
  if (response.status != 412) return fail(google_error(response, what));
  return found_there(*this, handle, payload, response, what, cancel);
}

/// In two parts, of which the first tells the hash: the server takes nothing else. It is kept only if there is no file
/// (of generation 0).
Result<net::Response> GoogleStorage::upload(const Handle& handle, Payload payload, const std::string& crc,
                                            const Cancel& cancel) {
  const std::string boundary = new_boundary();
  const Json about = {{"name", place_.prefix + handle.path()}, {"crc32c", crc}};
  const std::string before = fmt::format(
      "--{0}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{1}\r\n--{0}\r\nContent-Type: "
      "application/octet-stream\r\n\r\n",
      boundary, about.dump(-1, ' ', false, Json::error_handler_t::replace));
  const std::string after = fmt::format("\r\n--{}--\r\n", boundary);
  std::vector<ByteView> body = {as_bytes(before)};
  body.insert(body.end(), payload.begin(), payload.end());
  body.push_back(as_bytes(after));
  const auto url = fmt::format("{}/upload/storage/v1/b/{}/o", options_.endpoint, net::percent_encoded(place_.bucket));
  return ask({.method = "POST",
              .url = with_query(url, {{"uploadType", "multipart"}, {"ifGenerationMatch", "0"}}),
              .headers = {{"content-type", "multipart/related; boundary=" + boundary}},
              .body = body},
             cancel);
}

/// What is not what was sent is removed, so that it is not found there and taken for stored when it is sent again.
/// Where that fails nothing is sent again.
Status GoogleStorage::check_upload(const Handle& handle, const net::Response& response, uint64_t size,
                                   const std::string& crc, const Cancel& cancel) {
  const auto what = fmt::format("store {} ({} bytes)", name_of(handle), size);
  auto stored = parse_google_object(response);
  if (!stored) return fail(std::move(stored).error().within("cannot " + what));
  if (stored->size == size && (stored->crc32c.empty() || stored->crc32c == crc)) return {};
  const auto gone = remove_generation(handle, stored->generation, cancel);
  if (gone) return fail(ErrorKind::kUnavailable, fmt::format("cannot {}: other bytes arrived at the server", what));
  return fail(ErrorKind::kCorrupt, fmt::format("other bytes than were sent are stored as {}, and stay there: {}",
                                               name_of(handle), gone.error().message()));
}

/// Of no other than this one, whoever stored that.
Status GoogleStorage::remove_generation(const Handle& handle, const std::string& generation, const Cancel& cancel) {
  const auto what = "remove " + name_of(handle);
  if (generation.empty()) {
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot {}: the server does not say which generation it is", what));
  }
  TRY_ASSIGN(const auto response,
             ask({.method = "DELETE", .url = url_of(handle, {{"generation", generation}})}, cancel));
  if (response.succeeded() || response.status == 404) return {};
  return fail(google_error(response, what));
}

Result<Bytes> GoogleStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  std::string crc;
  const FileReader reader{
      .answer = [&](std::vector<net::Header> headers, uint64_t limit) -> Result<net::Response> {
        auto response =
            ask({.url = url_of(handle, {{"alt", "media"}}), .headers = std::move(headers), .response_limit = limit},
                cancel);
        if (response && response->status == 200) crc = google_crc_of(*response);
        return response;
      },
      .size = [&] { return stat(handle, cancel); },
      .explain = [&](const net::Response& response) { return google_error(response, "read " + name_of(handle)); }};
  TRY_ASSIGN(auto bytes, read_range(name_of(handle), offset, length, reader));
  const ByteView whole[] = {bytes};
  if (offset == 0 && length == 0 && !crc.empty() && crc != crc_of(whole)) {
    return fail(ErrorKind::kUnavailable, fmt::format("other bytes of {} arrived than the server has", name_of(handle)));
  }
  return bytes;
}

Result<uint64_t> GoogleStorage::stat(const Handle& handle, const Cancel& cancel) {
  const auto what = "look at " + name_of(handle);
  TRY_ASSIGN(const auto response, ask({.url = url_of(handle)}, cancel));
  if (!response.succeeded()) return fail(google_error(response, what));
  auto object = parse_google_object(response);
  if (!object) return fail(std::move(object).error().within("cannot " + what));
  return object->size;
}

Status GoogleStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  if (type == FileType::kConfig) {
    return list_config(
        *this, visit, [&] { return expect_bucket(cancel); }, cancel);
  }
  const auto what = fmt::format("list {}{}/", location(), folder_of(type));
  return list_pages(
      what, [&](const std::string& token) { return list_page(type, token, what, cancel); }, visit);
}

/// How long a page is is left to the server: an emulator that is told it ends the listing there.
Result<ListPage> GoogleStorage::list_page(FileType type, const std::string& token, const std::string& what,
                                          const Cancel& cancel) {
  Query query = {{"prefix", fmt::format("{}{}/", place_.prefix, folder_of(type))},
                 {"fields", "kind,items(name,size),nextPageToken"}};
  if (type != FileType::kPack) query.emplace_back("delimiter", "/");
  if (!token.empty()) query.emplace_back("pageToken", token);
  TRY_ASSIGN(const auto response, ask({.url = listing_url(query), .response_limit = kLargestPage}, cancel));
  if (!response.succeeded()) return fail(google_error(response, what));
  auto page = parse_google_page(response);
  if (!page) return fail(std::move(page).error().within("cannot " + what));
  return page;
}

/// Looked at first: a request that is sent twice would not find what it removed the first time.
Status GoogleStorage::remove(const Handle& handle, const Cancel& cancel) {
  TRY(stat(handle, cancel));
  TRY_ASSIGN(const auto response, ask({.method = "DELETE", .url = url_of(handle)}, cancel));
  if (response.succeeded() || response.status == 404) return {};
  return fail(google_error(response, "remove " + name_of(handle)));
}

}  // namespace varve::storage
