#include "storage/s3.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.h"
#include "codec/base64.h"
#include "codec/md5.h"
#include "codec/sha256.h"
#include "net/encoding.h"
#include "net/sigv4.h"
#include "storage/http_files.h"
#include "storage/layout.h"
#include "storage/s3_answers.h"

namespace varve::storage {

namespace {

constexpr const char* kFirstRegion = "us-east-1";

Id hash_of(const Handle& handle, Payload payload) {
  if (handle.type != FileType::kConfig) return handle.id;  // the server refuses what is something else
  codec::Sha256 hash;
  for (const ByteView piece : payload) hash.update(piece);
  return hash.finish();
}

/// The host's before what is set for all places.
std::string first_region(const S3Place& place, const AwsLogin& login) {
  if (const auto of_host = place.region_of_host(); !of_host.empty()) return of_host;
  return login.region.empty() ? kFirstRegion : login.region;
}

/// It goes into the name of the host, so not whatever a server says is one.
bool is_region(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

}  // namespace

S3Storage::S3Storage(S3Place place, const AwsLogin& login, const net::ClientOptions& options, unsigned connections,
                     std::string storage_class)
    : place_(std::move(place)),
      connections_(connections),
      storage_class_(std::move(storage_class)),
      client_(options),
      session_(login, options),
      terms_{.region = first_region(place_, login)} {}

Result<std::string> S3Storage::parse_storage_class(std::string_view text) {
  if (text == "GLACIER" || text == "DEEP_ARCHIVE") {
    return fail(Error(ErrorKind::kUnsupported,
                      fmt::format("the storage class {} is not supported: nothing can be read there at once", text))
                    .hint("GLACIER_IR is the cheapest class of which files are read at once"));
  }
  if (text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos) {
    return std::string(text);
  }
  return fail(ErrorKind::kInvalidInput, fmt::format("\"{}\" is no storage class, such as STANDARD_IA", text));
}

S3Storage::Terms S3Storage::terms() const {
  std::lock_guard lock(mutex_);
  return terms_;
}

std::string S3Storage::key_of(const Handle& handle) const {
  return place_.prefix + handle.path();
}

std::string S3Storage::name_of(const Handle& handle) const {
  return location() + handle.path();
}

Error S3Storage::explain(const net::Response& response, const std::string& what) const {
  return with_origin(s3_error(response, what, clock_ahead(response).value_or(0)));
}

Error S3Storage::with_origin(Error error) const {
  const auto origin = session_.origin();
  if (error.kind() == ErrorKind::kDenied && !origin.empty()) error.hint("the keys are those that " + origin);
  return error;
}

Result<net::Response> S3Storage::ask_once(const Question& question, const Terms& terms, const net::AwsKeys& keys,
                                          const Cancel& cancel) {
  net::Request request{.method = question.method,
                       .url = place_.bucket_url(terms.region) + net::percent_encoded_path(question.key),
                       .headers = question.headers,
                       .body = question.body,
                       .response_limit = question.response_limit};
  if (!question.query.empty()) request.url += '?' + net::query_string(question.query);
  const auto hash = question.body_hash ? *question.body_hash : codec::sha256({});
  const auto time = system_clock().now() + std::chrono::seconds(terms.skew);
  net::sign_v4(request, hash, keys, {time, terms.region});
  return client_.send(request, cancel);
}

Result<net::Response> S3Storage::ask(const Question& question, const Cancel& cancel) {
  const Terms asked = terms();
  TRY_ASSIGN(const auto keys, session_.keys(nullptr, cancel));
  auto response = ask_once(question, asked, *keys, cancel);
  if (!response || response->succeeded() || response->status == 404) return response;
  TRY_ASSIGN(bool wiser, learn(question, asked, *response, cancel));
  const bool refused = response->status == 400 || response->status == 401 || response->status == 403;
  if (!wiser && !refused) return response;
  const bool over = !wiser && are_over(*response);
  TRY_ASSIGN(const auto present, session_.keys(over ? keys : nullptr, cancel));
  wiser = wiser || present != keys;
  return wiser ? ask_once(question, terms(), *present, cancel) : std::move(response);
}

bool S3Storage::learn_region(const std::string& told, const Terms& asked) {
  std::lock_guard lock(mutex_);
  if (is_region(told) && told != asked.region) terms_.region = told;
  return terms_.region != asked.region;
}

Result<bool> S3Storage::learn(const Question& question, const Terms& asked, const net::Response& response,
                              const Cancel& cancel) {
  const auto skew = clock_ahead(response);
  if (response.status == 403 && skew && std::abs(*skew - asked.skew) > kToleratedSkew) {
    std::lock_guard lock(mutex_);
    terms_.skew = *skew;
    return true;
  }
  if (response.status != 400 && response.status != 301 && response.status != 307) return false;
  if (learn_region(complaint_in(response).region, asked)) return true;
  if (question.method != "HEAD" || response.status != 400) return false;
  // An answer to HEAD has no body that could tell.
  TRY_ASSIGN(const auto answer, ask({.query = {{"location", ""}}}, cancel));
  return learn_region(region_in(answer).value_or(""), asked);
}

Status S3Storage::create(const Cancel& cancel) {
  const auto config = stat({}, cancel);
  if (config) return fail(ErrorKind::kExists, fmt::format("there is a repository at {} already", location()));
  if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
  const auto bucket = expect_bucket(cancel);
  return !bucket && bucket.error().kind() == ErrorKind::kNotFound ? create_bucket(cancel) : bucket;
}

/// Who may not look at a bucket may still use it.
Status S3Storage::expect_bucket(const Cancel& cancel) {
  TRY_ASSIGN(const auto bucket, ask({.method = "HEAD"}, cancel));
  if (bucket.status != 404) return {};
  return fail(ErrorKind::kNotFound, fmt::format("there is no bucket {}", place_.bucket));
}

Status S3Storage::create_bucket(const Cancel& cancel) {
  const std::string at = terms().region;
  const std::string body = at == kFirstRegion ? ""
                                              : "<CreateBucketConfiguration><LocationConstraint>" + at +
                                                    "</LocationConstraint></CreateBucketConfiguration>";
  const ByteView pieces[] = {as_bytes(body)};
  TRY_ASSIGN(const auto made,
             ask({.method = "PUT", .body = pieces, .body_hash = codec::sha256(as_bytes(body))}, cancel));
  if (made.succeeded() || complaint_in(made).code == "BucketAlreadyOwnedByYou") return {};
  return fail(explain(made, fmt::format("make the bucket {}", place_.bucket)));
}

Status S3Storage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  if (!conditional_) {
    const auto there = stat(handle, cancel);
    if (there) return fail(ErrorKind::kExists, fmt::format("cannot store {}: it is there already", name_of(handle)));
    if (there.error().kind() != ErrorKind::kNotFound) return fail(there.error());
  }
  return put_new(handle, payload, cancel);
}

Status S3Storage::put_new(const Handle& handle, Payload payload, const Cancel& cancel) {
  const Id hash = hash_of(handle, payload);
  Question question{
      .method = "PUT",
      .key = key_of(handle),
      .headers = {{"content-type", "application/octet-stream"}, {"x-amz-checksum-sha256", codec::base64(hash.bytes)}},
      .body = payload,
      .body_hash = hash};
  if (!storage_class_.empty()) question.headers.push_back({"x-amz-storage-class", storage_class_});
  const bool conditional = conditional_;
  if (conditional) question.headers.push_back({"if-none-match", "*"});
  TRY_ASSIGN(const auto response, ask(question, cancel));
  if (response.succeeded()) return {};
  const auto what = fmt::format("store {} ({} bytes)", name_of(handle), payload_size(payload));
  if (response.status == 501 && conditional) {
    conditional_ = false;
    return put(handle, payload, cancel);
  }
  if (response.status == 409) {
    return fail(ErrorKind::kUnavailable, fmt::format("cannot {}: somebody else stores it now", what));
  }
  if (response.status != 412) return fail(explain(response, what));
  return found_there(*this, handle, payload, response, what, cancel);
}

Result<Bytes> S3Storage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  const FileReader reader{
      .answer =
          [&](std::vector<net::Header> headers, uint64_t limit) {
            return ask({.key = key_of(handle), .headers = std::move(headers), .response_limit = limit}, cancel);
          },
      .size = [&] { return stat(handle, cancel); },
      .explain = [&](const net::Response& response) { return explain(response, "read " + name_of(handle)); }};
  return read_range(name_of(handle), offset, length, reader);
}

Result<uint64_t> S3Storage::stat(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto response, ask({.method = "HEAD", .key = key_of(handle)}, cancel));
  if (!response.succeeded()) return fail(explain_refusal(response, handle, cancel));
  return announced_length(response, name_of(handle));
}

/// An answer to HEAD has no body that tells why. What is wrong with a login is wrong with another question, too.
Error S3Storage::explain_refusal(const net::Response& response, const Handle& handle, const Cancel& cancel) {
  const auto what = "look at " + name_of(handle);
  const bool untold = (response.status == 400 || response.status == 403) && complaint_in(response).code.empty();
  if (!untold) return explain(response, what);
  const auto told = ask({.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", key_of(handle)}}}, cancel);
  const bool tells = told && !told->succeeded() && !complaint_in(*told).code.empty();
  return explain(tells ? *told : response, what);
}

Status S3Storage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  if (type == FileType::kConfig) {
    return list_config(
        *this, visit, [&] { return expect_bucket(cancel); }, cancel);
  }
  const auto what = fmt::format("list {}{}/", location(), folder_of(type));
  return list_pages(
      what, [&](const std::string& token) { return list_page(type, token, what, cancel); }, visit);
}

Result<ListPage> S3Storage::list_page(FileType type, const std::string& token, const std::string& what,
                                      const Cancel& cancel) {
  const auto folder = fmt::format("{}{}/", place_.prefix, folder_of(type));
  Question question{.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", folder}},
                    .response_limit = kLargestPage};
  if (type != FileType::kPack) question.query.emplace_back("delimiter", "/");
  if (!token.empty()) question.query.emplace_back("continuation-token", token);
  TRY_ASSIGN(const auto response, ask(question, cancel));
  if (!response.succeeded()) return fail(explain(response, what));
  auto page = parse_s3_page(response);
  if (!page) return fail(std::move(page).error().within("cannot " + what));
  return page;
}

Status S3Storage::remove(const Handle& handle, const Cancel& cancel) {
  TRY(stat(handle, cancel));  // the server says yes to what is not there, too
  return remove_if_there(handle, cancel);
}

Status S3Storage::remove_if_there(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto response, ask({.method = "DELETE", .key = key_of(handle)}, cancel));
  if (response.header("x-amz-delete-marker") == "true") keeps_removed_ = true;
  if (response.succeeded()) return {};
  return fail(explain(response, "remove " + name_of(handle)));
}

std::vector<Status> S3Storage::remove_some(std::span<const Handle> handles, const Cancel& cancel) {
  if (handles.size() < 2 || !batches_) return remove_each(handles, cancel);
  auto removed = remove_batch(handles, cancel);
  if (removed) return *std::move(removed);
  // Some stores do not know the request, and some of what stands before a store lets none of its kind through.
  const auto kind = removed.error().kind();
  if (kind != ErrorKind::kUnsupported && kind != ErrorKind::kDenied && kind != ErrorKind::kNotFound) {
    return std::vector<Status>(handles.size(), fail(removed.error()));
  }
  if (kind == ErrorKind::kUnsupported) batches_ = false;
  return remove_each(handles, cancel);
}

std::vector<Status> S3Storage::remove_each(std::span<const Handle> handles, const Cancel& cancel) {
  std::vector<Status> outcomes;
  for (const Handle& handle : handles) {
    auto removed = remove_if_there(handle, cancel);
    if (!removed && removed.error().kind() == ErrorKind::kNotFound) removed = {};
    outcomes.push_back(removed);
    if (removed || removed.error().kind() != ErrorKind::kUnavailable) continue;
    outcomes.resize(handles.size(), removed);  // whoever retries waits first
    break;
  }
  return outcomes;
}

Result<std::vector<Status>> S3Storage::remove_batch(std::span<const Handle> handles, const Cancel& cancel) {
  std::vector<std::string> keys;
  for (const Handle& handle : handles) keys.push_back(key_of(handle));
  const auto body = s3_removal(keys);
  const ByteView pieces[] = {as_bytes(body)};
  const Id hash = codec::sha256(as_bytes(body));
  Question question{.method = "POST",
                    .query = {{"delete", ""}},
                    .headers = {{"content-type", "application/xml"}},
                    .body = pieces,
                    .body_hash = hash,
                    .response_limit = kLargestPage};
  if (const auto md5 = codec::md5(pieces)) {  // which old servers want
    question.headers.push_back({"content-md5", codec::base64(*md5)});
  } else {
    question.headers.push_back({"x-amz-checksum-sha256", codec::base64(hash.bytes)});
  }
  const auto what = fmt::format("remove {} files from {}", handles.size(), location());
  TRY_ASSIGN(const auto response, ask(question, cancel));
  if (!response.succeeded()) return fail(explain(response, what));
  auto became = parse_s3_removal(response);
  if (!became) return fail(std::move(became).error().within("cannot " + what));
  if (became->kept) keeps_removed_ = true;
  const bool names_any = std::ranges::any_of(keys, [&](const auto& key) { return became->files.contains(key); });
  if (!names_any) return fail(ErrorKind::kUnsupported, "the server does not say what it removed");
  std::vector<Status> outcomes;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto found = became->files.find(keys[i]);
    if (found == became->files.end()) {
      outcomes.push_back(
          fail(ErrorKind::kUnavailable, fmt::format("the server does not say what became of {}", name_of(handles[i]))));
    } else if (found->second.code.empty() || found->second.code == "NoSuchKey") {
      outcomes.emplace_back();
    } else {
      outcomes.push_back(fail(with_origin(s3_error(found->second, "remove " + name_of(handles[i])))));
    }
  }
  return outcomes;
}

}  // namespace varve::storage
