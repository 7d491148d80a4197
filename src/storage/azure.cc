#include "storage/azure.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.h"
#include "codec/base64.h"
#include "codec/md5.h"
#include "net/encoding.h"
#include "storage/azure_answers.h"
#include "storage/layout.h"

namespace varve::storage {

namespace {

/// The oldest with the tier Cold, and with files of 5,000 MiB in one request.
constexpr const char* kVersion = "2021-12-02";

Result<std::string> md5_of(Payload payload) {
  TRY_ASSIGN(const auto md5, codec::md5(payload));
  return codec::base64(md5);
}

/// The bytes of a payload from `offset`, `length` at most.
std::vector<ByteView> part_of(Payload payload, uint64_t offset, uint64_t length) {
  std::vector<ByteView> part;
  for (const ByteView piece : payload) {
    const uint64_t skipped = std::min<uint64_t>(offset, piece.size());
    const uint64_t taken = std::min<uint64_t>(piece.size() - skipped, length);
    if (taken > 0) part.push_back(piece.subspan(skipped, taken));
    offset -= skipped;
    length -= taken;
  }
  return part;
}

/// Names of blocks are alike in length, and no other's who stores the same file.
std::string block_name(const std::string& upload, size_t number) {
  return codec::base64(as_bytes(fmt::format("{}-{:06}", upload, number)));
}

std::string new_upload() {
  std::array<uint8_t, 8> random;
  random_bytes(random);
  return to_hex(random);
}

}  // namespace

Result<std::string> AzureOptions::parse_tier(std::string_view text) {
  std::string tier(text);
  std::ranges::transform(tier, tier.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (tier == "archive") {
    return fail(Error(ErrorKind::kUnsupported, "the access tier Archive is not supported: nothing can be read there")
                    .hint("Cold is the cheapest tier of which files are read at once"));
  }
  if (tier != "" && tier != "hot" && tier != "cool" && tier != "cold") {
    return fail(ErrorKind::kInvalidInput, fmt::format("\"{}\" is no access tier: Hot, Cool and Cold are", text));
  }
  if (!tier.empty()) tier[0] = static_cast<char>(tier[0] - 32);
  return tier;
}

AzureStorage::AzureStorage(BucketPlace place, AzureLogin login, AzureOptions options, const net::ClientOptions& http,
                           unsigned connections)
    : place_(std::move(place)),
      login_(std::move(login)),
      options_(std::move(options)),
      connections_(connections),
      client_(http) {}

std::string AzureStorage::key_of(const Handle& handle) const {
  return place_.prefix + handle.path();
}

std::string AzureStorage::name_of(const Handle& handle) const {
  return location() + handle.path();
}

Error AzureStorage::explain(const net::Response& response, const std::string& what) const {
  return azure_error(response, what, login_.sas, clock_ahead(response).value_or(0));
}

Result<net::Response> AzureStorage::ask_once(const Question& question, int64_t skew, const Cancel& cancel) {
  net::Request request{.method = question.method,
                       .url = fmt::format("{}/{}", login_.endpoint, net::percent_encoded(place_.bucket)),
                       .headers = question.headers,
                       .body = question.body,
                       .response_limit = question.response_limit};
  if (!question.key.empty()) request.url += '/' + net::percent_encoded_path(question.key);
  std::string query = net::query_string(question.query);
  if (!login_.sas.empty()) query += (query.empty() ? "" : "&") + login_.sas;
  if (!query.empty()) request.url += '?' + query;
  request.headers.push_back({"x-ms-version", kVersion});
  if (login_.sas.empty()) sign_shared_key(request, login_.key, system_clock().now() + std::chrono::seconds(skew));
  return client_.send(request, cancel);
}

Result<net::Response> AzureStorage::ask(const Question& question, const Cancel& cancel) {
  const int64_t asked = skew_;
  auto response = ask_once(question, asked, cancel);
  if (!response || response->status != 403 || !login_.sas.empty()) return response;
  const auto skew = clock_ahead(*response);
  if (!skew || std::abs(*skew - asked) <= kToleratedSkew) return response;
  skew_ = *skew;
  return ask_once(question, *skew, cancel);
}

Status AzureStorage::create(const Cancel& cancel) {
  const auto config = stat({}, cancel);
  if (config) return fail(ErrorKind::kExists, fmt::format("there is a repository at {} already", location()));
  if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
  const auto there = expect_container(cancel);
  if (there || there.error().kind() != ErrorKind::kNotFound) return there;
  TRY_ASSIGN(const auto made, ask({.method = "PUT", .query = {{"restype", "container"}}}, cancel));
  if (made.succeeded() || azure_code(made) == "ContainerAlreadyExists") return {};
  return fail(explain(made, fmt::format("make the container {}", place_.bucket)));
}

/// By a listing: a signature for one container shows nothing else of it.
Status AzureStorage::expect_container(const Cancel& cancel) {
  TRY_ASSIGN(const auto response, ask({.query = {{"restype", "container"}, {"comp", "list"}, {"maxresults", "1"}},
                                       .response_limit = kLargestPage},
                                      cancel));
  if (response.succeeded()) return {};
  return fail(explain(response, fmt::format("find the container {}", place_.bucket)));
}

Status AzureStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  const uint64_t size = payload_size(payload);
  TRY_ASSIGN(const auto response,
             size > options_.largest_put ? put_blocks(handle, payload, cancel) : put_whole(handle, payload, cancel));
  if (response.status == 201) return {};
  const auto what = fmt::format("store {} ({} bytes)", name_of(handle), size);
  if (response.succeeded()) return put_off(*this, handle, payload, response, what, cancel);
  const auto code = azure_code(response);
  if (code != "BlobAlreadyExists" && code != "ConditionNotMet") return fail(explain(response, what));
  return found_there(*this, handle, payload, response, what, cancel);
}

Result<net::Response> AzureStorage::put_whole(const Handle& handle, Payload payload, const Cancel& cancel) {
  TRY_ASSIGN(const auto md5, md5_of(payload));
  Question question{.method = "PUT",
                    .key = key_of(handle),
                    .headers = {{"content-type", "application/octet-stream"},
                                {"content-md5", md5},
                                {"if-none-match", "*"},
                                {"x-ms-blob-type", "BlockBlob"}},
                    .body = payload};
  if (!options_.access_tier.empty()) question.headers.push_back({"x-ms-access-tier", options_.access_tier});
  return ask(question, cancel);
}

/// Blocks are no file until the list of them is put; Azure drops those that no list names a week later.
Result<net::Response> AzureStorage::put_blocks(const Handle& handle, Payload payload, const Cancel& cancel) {
  const std::string upload = new_upload();
  const uint64_t size = payload_size(payload);
  std::vector<std::string> blocks;
  for (uint64_t offset = 0; offset < size; offset += options_.block) {
    const auto part = part_of(payload, offset, options_.block);
    blocks.push_back(block_name(upload, blocks.size()));
    TRY_ASSIGN(const auto md5, md5_of(part));
    const Question question{.method = "PUT",
                            .key = key_of(handle),
                            .query = {{"comp", "block"}, {"blockid", blocks.back()}},
                            .headers = {{"content-md5", md5}},
                            .body = part};
    TRY_ASSIGN(auto response, ask(question, cancel));
    if (response.status != 201) return response;
  }
  TRY_ASSIGN(const auto md5, md5_of(payload));
  return put_block_list(handle, blocks, md5, cancel);
}

Result<net::Response> AzureStorage::put_block_list(const Handle& handle, const std::vector<std::string>& blocks,
                                                   const std::string& md5, const Cancel& cancel) {
  std::string text = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
  for (const auto& block : blocks) text += "<Latest>" + block + "</Latest>";
  text += "</BlockList>";
  const ByteView body[] = {as_bytes(text)};
  TRY_ASSIGN(const auto md5_of_list, md5_of(body));
  Question question{.method = "PUT",
                    .key = key_of(handle),
                    .query = {{"comp", "blocklist"}},
                    .headers = {{"content-md5", md5_of_list},
                                {"content-type", "application/xml"},
                                {"if-none-match", "*"},
                                {"x-ms-blob-content-md5", md5},
                                {"x-ms-blob-content-type", "application/octet-stream"}},
                    .body = body};
  if (!options_.access_tier.empty()) question.headers.push_back({"x-ms-access-tier", options_.access_tier});
  return ask(question, cancel);
}

Result<Bytes> AzureStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  const FileReader reader{
      .answer =
          [&](std::vector<net::Header> headers, uint64_t limit) {
            return ask({.key = key_of(handle), .headers = std::move(headers), .response_limit = limit}, cancel);
          },
      .size = [&] { return stat(handle, cancel); },
      .explain = [&](const net::Response& response) { return explain(response, "read " + name_of(handle)); }};
  return read_range(name_of(handle), offset, length, reader);
}

Result<uint64_t> AzureStorage::stat(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto response, ask({.method = "HEAD", .key = key_of(handle)}, cancel));
  if (!response.succeeded()) return fail(explain(response, "look at " + name_of(handle)));
  return announced_length(response, name_of(handle));
}

Status AzureStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  if (type == FileType::kConfig) {
    return list_config(
        *this, visit, [&] { return expect_container(cancel); }, cancel);
  }
  const auto what = fmt::format("list {}{}/", location(), folder_of(type));
  return list_pages(
      what, [&](const std::string& marker) { return list_page(type, marker, what, cancel); }, visit);
}

Result<ListPage> AzureStorage::list_page(FileType type, const std::string& marker, const std::string& what,
                                         const Cancel& cancel) {
  const auto folder = fmt::format("{}{}/", place_.prefix, folder_of(type));
  Question question{.query = {{"restype", "container"}, {"comp", "list"}, {"prefix", folder}},
                    .response_limit = kLargestPage};
  question.query.emplace_back("maxresults", std::to_string(options_.page));
  if (type != FileType::kPack) question.query.emplace_back("delimiter", "/");
  if (!marker.empty()) question.query.emplace_back("marker", marker);
  TRY_ASSIGN(const auto response, ask(question, cancel));
  if (!response.succeeded()) return fail(explain(response, what));
  auto page = parse_azure_page(response);
  if (!page) return fail(std::move(page).error().within("cannot " + what));
  return page;
}

/// Looked at first: a request that is sent twice would not find what it removed the first time.
Status AzureStorage::remove(const Handle& handle, const Cancel& cancel) {
  TRY(stat(handle, cancel));
  TRY_ASSIGN(const auto response, ask({.method = "DELETE", .key = key_of(handle)}, cancel));
  if (response.succeeded() || azure_code(response) == "BlobNotFound") return {};
  return fail(explain(response, "remove " + name_of(handle)));
}

}  // namespace varve::storage
