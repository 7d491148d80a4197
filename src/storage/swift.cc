#include "storage/swift.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/md5.h"
#include "net/encoding.h"
#include "storage/http_files.h"
#include "storage/layout.h"

namespace varve::storage {

namespace {

constexpr uint64_t kLargestObject = uint64_t{5} << 30;
/// From when a server looked for a small file until it has all of it.
constexpr auto kLongestRace = std::chrono::seconds(1);
/// Pauses between looks for a file in the listing: the double each time, half a minute in all.
constexpr std::chrono::milliseconds kFirstLook(50), kLastLook(20'000);

/// What an answer means; `what` tells what was tried.
Error explain(const net::Response& response, const std::string& what) {
  auto error = status_error(response, what);
  if (response.status == 401) {
    error.hint("the server takes no token of this login: is the account theirs?");
  } else if (response.status == 403) {
    error.hint(
        "the login needs a role that may use the object store, or the container's X-Container-Read and "
        "X-Container-Write have to name it");
  } else if (response.status == 409) {
    return Error(ErrorKind::kUnavailable, fmt::format("cannot {}: somebody else changes it now", what));
  } else if (response.status == 422) {
    return Error(ErrorKind::kUnavailable, fmt::format("cannot {}: other bytes arrived at the server", what));
  }
  return error;
}

/// Of the bytes, if the server says it: what was put together of segments has another one there.
std::string md5_in(const net::Response& response) {
  std::string etag(response.header("etag"));
  if (etag.size() > 1 && etag.starts_with('"') && etag.ends_with('"')) etag = etag.substr(1, etag.size() - 2);
  const bool is_one = etag.size() == 32 && from_hex(etag);
  const bool segmented =
      !response.header("x-static-large-object").empty() || !response.header("x-object-manifest").empty();
  if (!is_one || segmented) return "";
  std::ranges::transform(etag, etag.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  return etag;
}

Status compare_whole(const net::Response& response, const std::string& name) {
  const auto told = md5_in(response);
  if (response.status != 200 || told.empty()) return {};
  const ByteView body[] = {response.body};
  const auto md5 = codec::md5(body);
  if (!md5 || told == to_hex(*md5)) return {};  // without MD5 there is still the name, or the MAC of each blob
  return fail(ErrorKind::kUnavailable,
              fmt::format("what came of {} is not what the server has: its MD5 differs", name));
}

}  // namespace

SwiftStorage::SwiftStorage(SwiftPlace place, OpenstackLogin login, std::string policy,
                           const net::ClientOptions& options, unsigned connections)
    : place_(std::move(place)),
      policy_(std::move(policy)),
      connections_(connections),
      client_(options),
      session_(std::move(login), client_) {}

Result<net::Response> SwiftStorage::ask_once(const Question& question, const SwiftAccess& access,
                                             const Cancel& cancel) {
  net::Request request{.method = question.method,
                       .url = fmt::format("{}/{}", access.storage_url, net::percent_encoded(place_.container)),
                       .headers = question.headers,
                       .body = question.body,
                       .response_limit = question.response_limit};
  if (!question.key.empty()) request.url += '/' + net::percent_encoded_path(question.key);
  if (!question.query.empty()) request.url += '?' + question.query;
  request.headers.push_back({"x-auth-token", access.token});
  return client_.send(request, cancel);
}

Result<net::Response> SwiftStorage::ask(const Question& question, const Cancel& cancel) {
  TRY_ASSIGN(auto access, session_.access(nullptr, cancel));
  auto response = ask_once(question, *access, cancel);
  if (!response || response->status != 401) return response;
  TRY_ASSIGN(access, session_.access(access, cancel));
  return ask_once(question, *access, cancel);
}

Status SwiftStorage::create(const Cancel& cancel) {
  const auto config = stat({}, cancel);
  if (config) return fail(ErrorKind::kExists, fmt::format("there is a repository at {} already", location()));
  if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
  const auto container = expect_container(cancel);
  return !container && container.error().kind() == ErrorKind::kNotFound ? create_container(cancel) : container;
}

/// Who may not look at a container may still use it.
Status SwiftStorage::expect_container(const Cancel& cancel) {
  TRY_ASSIGN(const auto response, ask({.method = "HEAD"}, cancel));
  if (response.succeeded() || response.status == 403) return {};
  if (response.status != 404) return fail(explain(response, "look at the container " + place_.container));
  return fail(ErrorKind::kNotFound, fmt::format("there is no container {}", place_.container));
}

Status SwiftStorage::create_container(const Cancel& cancel) {
  Question question{.method = "PUT"};
  if (!policy_.empty()) question.headers.push_back({"x-storage-policy", policy_});
  TRY_ASSIGN(const auto response, ask(question, cancel));
  if (response.succeeded()) return {};
  auto error = explain(response, fmt::format("make the container {}", place_.container));
  if (response.status == 400 && !policy_.empty()) {
    error.hint(
        fmt::format("SWIFT_DEFAULT_CONTAINER_POLICY names the policy \"{}\": does the server have it?", policy_));
  }
  return fail(std::move(error));
}

Result<net::Response> SwiftStorage::put_once(const Handle& handle, Payload payload, const std::string& md5,
                                             bool only_new, const Cancel& cancel) {
  Question question{.method = "PUT",
                    .key = key_of(handle),
                    .headers = {{"content-type", "application/octet-stream"}, {"etag", md5}},
                    .body = payload};
  if (only_new) question.headers.push_back({"if-none-match", "*"});
  return ask(question, cancel);
}

Status SwiftStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  const uint64_t size = payload_size(payload);
  const auto what = fmt::format("store {} ({} bytes)", name_of(handle), size);
  if (size > kLargestObject) {
    return fail(ErrorKind::kUnsupported, fmt::format("cannot {}: Swift takes 5 GiB at most", what));
  }
  TRY_ASSIGN(const auto digest, codec::md5(payload));
  const auto md5 = to_hex(digest);
  TRY_ASSIGN(auto response, put_once(handle, payload, md5, true, cancel));
  if (response.status == 412 && handle.type != FileType::kConfig) {
    TRY_ASSIGN(const bool listed, is_listed(handle, cancel));
    if (!listed) {
      TRY_ASSIGN(response, put_once(handle, payload, md5, false, cancel));
    }
  }
  if (response.succeeded()) return confirm(handle, payload, md5, response, cancel);
  if (response.status == 412) return found_there(*this, handle, payload, response, what, cancel);
  if (response.status == 404) {
    return fail(Error(ErrorKind::kNotFound, fmt::format("cannot {}: there is no container {}", what, place_.container))
                    .hint("`varve init` makes it"));
  }
  return fail(explain(response, what));
}

/// A server may say yes to what it did not store (202: it knows a newer one of that name; 200: it is perhaps no Swift),
/// or to other bytes if it compares none.
Status SwiftStorage::confirm(const Handle& handle, Payload payload, const std::string& md5,
                             const net::Response& response, const Cancel& cancel) {
  const auto stored = md5_in(response);
  if (!stored.empty() && stored != md5) {
    const auto gone = remove(handle, cancel);
    if (!gone && gone.error().kind() != ErrorKind::kNotFound) {
      return fail(ErrorKind::kCorrupt, fmt::format("other bytes than were sent are stored as {}, and stay there: {}",
                                                   name_of(handle), gone.error().message()));
    }
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot store {}: other bytes arrived at the server", name_of(handle)));
  }
  if (response.status == 201 || (response.status == 200 && !stored.empty())) {
    if (handle.type == FileType::kConfig) return outlive_a_race(handle, payload, cancel);
    return handle.type == FileType::kPack ? Status() : await_listing(handle, cancel);
  }
  return put_off(*this, handle, payload, response, "store " + name_of(handle), cancel);
}

/// A busy Swift lists a file some time after it has stored it. A pack is found by the index; but a lock that is not
/// listed keeps nobody out, and prune would take what an unlisted snapshot or index needs for unneeded.
Status SwiftStorage::await_listing(const Handle& handle, const Cancel& cancel) {
  for (auto pause = kFirstLook; pause < kLastLook; pause *= 2) {
    TRY_ASSIGN(const bool listed, is_listed(handle, cancel));
    if (listed) return {};
    if (!cancel.sleep(pause)) TRY(cancel.check());
  }
  return fail(
      Error(ErrorKind::kUnavailable,
            fmt::format("{} is stored, but the container does not list it: others would not find it", name_of(handle)))
          .hint("the cluster is behind with its listings (its container-updater): run it again when it has caught up"));
}

/// Swift looks for the file before it takes the bytes: of several who store it at the same time all hear yes, and the
/// last one's bytes stay. That matters where they can differ, since the name is not their hash.
Status SwiftStorage::outlive_a_race(const Handle& handle, Payload payload, const Cancel& cancel) {
  if (!cancel.sleep(kLongestRace)) TRY(cancel.check());
  TRY_ASSIGN(const bool own, is_stored(*this, handle, payload, cancel));
  if (own) return {};
  return fail(ErrorKind::kExists,
              fmt::format("cannot store {}: somebody else stored it at the same time", name_of(handle)));
}

Result<Bytes> SwiftStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  const FileReader reader{
      .answer = [&](std::vector<net::Header> headers, uint64_t limit) -> Result<net::Response> {
        const bool whole = headers.empty();
        auto response = ask({.key = key_of(handle), .headers = std::move(headers), .response_limit = limit}, cancel);
        if (response && whole) TRY(compare_whole(*response, name_of(handle)));
        return response;
      },
      .size = [&] { return stat(handle, cancel); },
      .explain = [&](const net::Response& response) { return explain(response, "read " + name_of(handle)); }};
  return read_range(name_of(handle), offset, length, reader);
}

Result<uint64_t> SwiftStorage::stat(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto response, ask({.method = "HEAD", .key = key_of(handle)}, cancel));
  if (!response.succeeded()) return fail(explain(response, "look at " + name_of(handle)));
  return announced_length(response, name_of(handle));
}

Status SwiftStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  if (type == FileType::kConfig) {
    return list_config(
        *this, visit, [&] { return expect_container(cancel); }, cancel);
  }
  // To an empty page: some servers give short ones before.
  for (std::string marker;;) {
    TRY_ASSIGN(const auto page, list_page(fmt::format("{}{}/", place_.prefix, folder_of(type)), marker, cancel));
    if (page.objects.empty()) return {};
    for (const auto& object : page.objects) {
      const auto id = id_of_name(std::string_view(object.name).substr(object.name.rfind('/') + 1));
      if (id && object.name == key_of({type, *id})) TRY(visit({*id, object.size}));
    }
    const auto& last = page.objects.back().name;
    if (last <= marker) {
      return fail(ErrorKind::kUnavailable,
                  fmt::format("cannot list {}: the server gives the same pages again and again", location()));
    }
    marker = last;
  }
}

Result<SwiftPage> SwiftStorage::list_page(const std::string& prefix, const std::string& marker, const Cancel& cancel) {
  std::vector<std::pair<std::string, std::string>> fields = {{"format", "json"}, {"prefix", prefix}};
  if (!marker.empty()) fields.emplace_back("marker", marker);
  const auto what = fmt::format("list swift:{}:/{}", place_.container, prefix);
  TRY_ASSIGN(const auto response,
             ask({.query = net::query_string(std::move(fields)), .response_limit = kLargestPage}, cancel));
  if (!response.succeeded()) return fail(explain(response, what));
  auto page = parse_swift_page(response);
  if (!page) return fail(std::move(page).error().within("cannot " + what));
  return page;
}

Result<bool> SwiftStorage::is_listed(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto page, list_page(key_of(handle), "", cancel));
  return !page.objects.empty() && page.objects.front().name == key_of(handle);
}

Status SwiftStorage::remove(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto response, ask({.method = "DELETE", .key = key_of(handle)}, cancel));
  if (response.succeeded()) return {};
  return fail(explain(response, "remove " + name_of(handle)));
}

}  // namespace varve::storage
