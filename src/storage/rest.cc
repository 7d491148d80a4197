#include "storage/rest.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/parse.h"
#include "net/encoding.h"
#include "storage/http_files.h"
#include "storage/layout.h"

namespace varve::storage {

namespace {

constexpr const char* kListing = "application/vnd.x.restic.rest.v2";
constexpr uint64_t kLargestListing = 256u << 20;  // of a million packs it has a hundred
/// A listing that meets a file which is being renamed or removed is a 404 of the whole folder.
constexpr int kListings = 10;

std::string head_of(const net::Response& response) {
  return std::string(as_text(ByteView(response.body).first(std::min<size_t>(response.body.size(), 200))));
}

bool is_web_url(std::string_view text) {
  return (text.starts_with("http://") || text.starts_with("https://")) && !net::authority_of(text).empty();
}

Error badly_written_login() {
  return Error(ErrorKind::kInvalidInput, "the login in the place of the repository is not well written")
      .hint("in it @ : / ? # % are written %40 %3A %2F %3F %23 %25");
}

/// Whether what looks like the host may be the beginning of a login, cut short by a slash in the password: then it must
/// be shown to nobody.
bool may_be_a_login(std::string_view url) {
  const std::string authority = net::authority_of(url);
  if (authority.find(':') == std::string::npos) return false;
  if (url.find('@', url.find("://") + 3 + authority.size()) != std::string::npos) return true;
  const std::string_view host = std::string_view(authority).substr(authority.rfind('@') + 1);
  const size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  return has_port && !parse_number<uint16_t>(host.substr(colon + 1));
}

}  // namespace

Result<RestPlace> RestPlace::parse(std::string_view text) {
  RestPlace place;
  std::string url(text);
  if (is_web_url(url) && may_be_a_login(url)) return fail(badly_written_login());
  const size_t begin = url.find("://") + 3;
  const size_t at = is_web_url(url) ? net::authority_of(url).rfind('@') : std::string::npos;
  if (at != std::string::npos) {
    const std::string login = url.substr(begin, at);
    const size_t colon = std::min(login.find(':'), login.size());
    const auto user = net::percent_decoded(login.substr(0, colon));
    const auto password = net::percent_decoded(colon == login.size() ? "" : login.substr(colon + 1));
    if (!user || !password) return fail(badly_written_login());
    place.user = *user;
    place.password = *password;
    url.erase(begin, at + 1);
  }
  if (!is_web_url(url) || url.find_first_of("?#") != std::string::npos) {
    return fail(Error(ErrorKind::kInvalidInput, "a place on a REST server is a URL")
                    .hint("such as rest:https://host:8000/shop/"));
  }
  if (!url.ends_with('/')) url += '/';
  place.url = std::move(url);
  return place;
}

RestStorage::RestStorage(RestPlace place, const net::ClientOptions& options, unsigned connections)
    : place_(std::move(place)), connections_(connections), client_(options) {}

std::string RestStorage::location() const {
  if (!place_.shown.empty()) return place_.shown;
  if (place_.user.empty()) return "rest:" + place_.url;
  const size_t host = place_.url.find("://") + 3;
  return fmt::format("rest:{}{}{}@{}", place_.url.substr(0, host), net::percent_encoded(place_.user),
                     place_.password.empty() ? "" : ":***", place_.url.substr(host));
}

/// Packs lie in one folder here.
std::string RestStorage::url_of(const Handle& handle) const {
  if (handle.type == FileType::kConfig) return place_.url + "config";
  return fmt::format("{}{}/{}", place_.url, folder_of(handle.type), handle.id.hex());
}

std::string RestStorage::name_of(const Handle& handle) const {
  return location() + handle.path();
}

Result<net::Response> RestStorage::send(net::Request request, const Cancel& cancel) {
  if (!place_.user.empty() || !place_.password.empty()) {
    request.headers.push_back(net::basic_login(place_.user, place_.password));
  }
  TRY_ASSIGN(auto response, client_.send(request, cancel));
  return response;
}

Error RestStorage::explain(const net::Response& response, const std::string& what) const {
  auto error = status_error(response, what);
  if (response.status == 401) {
    error.hint("RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD, or the place itself, hold the login")
        .hint("a server with private repositories gives each user only what begins with the user's name");
  }
  return error;
}

Status RestStorage::create(const Cancel& cancel) {
  const auto config = stat({}, cancel);
  if (config) return fail(ErrorKind::kExists, fmt::format("there is a repository at {} already", location()));
  if (config.error().kind() != ErrorKind::kNotFound) return fail(config.error());
  TRY_ASSIGN(const auto response, send({.method = "POST", .url = place_.url + "?create=true"}, cancel));
  if (!response.succeeded()) return fail(explain(response, "make a repository at " + location()));
  there_ = created_ = true;
  return {};
}

/// The server would make the folders of a repository that is not there with the first file that is put into it.
Status RestStorage::expect_repository(const Cancel& cancel) {
  if (there_) return {};
  if (place_.is_rclone) {
    TRY(stat({}, cancel));
    return {};
  }
  TRY_ASSIGN(const auto response, list_folder(FileType::kKey, cancel));
  if (!response.succeeded()) return fail(explain(response, "find a repository at " + location()));
  return {};
}

Status RestStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  TRY(expect_repository(cancel));
  return place_.is_rclone ? store_by_rclone(handle, payload, cancel) : store(handle, payload, cancel);
}

/// What is there is found beforehand, and of several of us one stores the config, whose name says nothing of its bytes.
/// Others are replaced by the same bytes if at all, as where only the beginning of them arrived before.
Status RestStorage::store_by_rclone(const Handle& handle, Payload payload, const Cancel& cancel) {
  std::unique_lock<std::mutex> lock(config_, std::defer_lock);
  if (handle.type == FileType::kConfig) lock.lock();
  const auto there = look(handle, cancel);
  if (there && (handle.type == FileType::kConfig || *there >= payload_size(payload))) {
    return fail(ErrorKind::kExists, fmt::format("cannot store {}: it is there already", name_of(handle)));
  }
  if (!there && there.error().kind() != ErrorKind::kNotFound) return fail(there.error());
  TRY(store(handle, payload, cancel));
  const auto size = look(handle, cancel);
  if (size && *size == payload_size(payload)) return {};
  if (!size && size.error().kind() != ErrorKind::kNotFound) return fail(size.error());
  return fail(ErrorKind::kUnavailable,
              fmt::format("{} is not there, or not whole, after it was stored", name_of(handle)));
}

Status RestStorage::store(const Handle& handle, Payload payload, const Cancel& cancel) {
  TRY_ASSIGN(const auto response, send({.method = "POST",
                                        .url = url_of(handle),
                                        .headers = {{"content-type", "application/octet-stream"}},
                                        .body = payload},
                                       cancel));
  if (response.succeeded()) return {};
  auto error = refused_put(response, handle, payload_size(payload), cancel);
  // Sent a second time over a new connection, and the first one had arrived.
  if (error.kind() == ErrorKind::kExists && response.sent_twice) {
    TRY_ASSIGN(const bool stored, is_stored(*this, handle, payload, cancel));
    if (stored) return {};
  }
  return fail(std::move(error));
}

Error RestStorage::refused_put(const net::Response& response, const Handle& handle, uint64_t size,
                               const Cancel& cancel) {
  const auto what = fmt::format("store {} ({} bytes)", name_of(handle), size);
  if (response.status == 400) {
    return Error(ErrorKind::kUnavailable, fmt::format("cannot {}: other bytes arrived at the server", what));
  }
  if (response.status == 403) {  // what it says in every mode of a file that it has
    const auto there = stat(handle, cancel);
    if (there) return Error(ErrorKind::kExists, fmt::format("cannot {}: it is there already", what));
    if (there.error().kind() != ErrorKind::kNotFound) return there.error();
  }
  return explain(response, what);
}

Result<Bytes> RestStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  const FileReader reader{
      .answer =
          [&](std::vector<net::Header> headers, uint64_t limit) {
            if (handle.type == FileType::kConfig) limit = kLargestFile;  // which comes whole whatever is asked for
            return send({.url = url_of(handle), .headers = std::move(headers), .response_limit = limit}, cancel);
          },
      .size = [&] { return stat(handle, cancel); },
      .explain = [&](const net::Response& response) { return explain(response, "read " + name_of(handle)); }};
  auto bytes = read_range(name_of(handle), offset, length, reader);
  if (!bytes) return fail(unless_listed(std::move(bytes).error(), handle, cancel));
  there_ = true;
  return bytes;
}

Result<uint64_t> RestStorage::stat(const Handle& handle, const Cancel& cancel) {
  auto size = look(handle, cancel);
  if (!size) return fail(unless_listed(std::move(size).error(), handle, cancel));
  return size;
}

/// What the server says of a file, believed as it is.
Result<uint64_t> RestStorage::look(const Handle& handle, const Cancel& cancel) {
  TRY_ASSIGN(const auto response, send({.method = "HEAD", .url = url_of(handle)}, cancel));
  if (!response.succeeded()) return fail(explain(response, "look at " + name_of(handle)));
  there_ = true;
  return announced_length(response, name_of(handle));
}

/// rclone says that a file is not there whatever keeps it from looking: the listing must agree. The config is in none,
/// but no repository is without it that has keys.
Error RestStorage::unless_listed(Error error, const Handle& handle, const Cancel& cancel) {
  const bool config = handle.type == FileType::kConfig;
  if (!place_.is_rclone || error.kind() != ErrorKind::kNotFound || (config && created_)) return error;
  const auto type = config ? FileType::kKey : handle.type;
  const auto response = list_folder(type, cancel);
  if (!response) return response.error();
  const auto listing = read_listing(*response, fmt::format("list {}{}/", location(), folder_of(type)));
  if (!listing) return Error(ErrorKind::kUnavailable, error.message() + ", and " + listing.error().message());
  const auto& files = listing->files;
  if (config && !files.empty()) return Error(ErrorKind::kUnavailable, error.message() + ", though there are keys");
  if (config || std::ranges::find(files, handle.id, &ListedFile::id) == files.end()) return error;
  return Error(ErrorKind::kUnavailable, error.message() + ", though it is listed");
}

Result<RestListing> RestStorage::read_listing(const net::Response& response, const std::string& what) const {
  if (!response.succeeded()) return fail(explain(response, what));
  auto listing = parse_rest_listing(response.body);
  if (!listing) {
    return fail(
        Error(ErrorKind::kUnavailable, fmt::format("cannot {}: the answer is no listing: {}", what, head_of(response)))
            .hint("is it a server that speaks restic's REST protocol?"));
  }
  if (!listing->complete) {
    return fail(ErrorKind::kUnavailable, fmt::format("cannot {}: a file in it has no name or size", what));
  }
  return *std::move(listing);
}

Result<net::Response> RestStorage::list_folder(FileType type, const Cancel& cancel) {
  const net::Request request{.url = fmt::format("{}{}/", place_.url, folder_of(type)),
                             .headers = {{"accept", kListing}},
                             .response_limit = kLargestListing};
  auto response = send(request, cancel);
  for (int i = 1; i < kListings && response && response->status == 404; ++i) response = send(request, cancel);
  if (response && response->succeeded() && !place_.is_rclone) there_ = true;
  return response;
}

Status RestStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  if (type == FileType::kConfig) {
    const auto size = stat({}, cancel);
    if (!size) return size.error().kind() == ErrorKind::kNotFound ? expect_repository(cancel) : fail(size.error());
    return visit({Id{}, *size});
  }
  TRY_ASSIGN(const auto response, list_folder(type, cancel));
  const auto what = fmt::format("list {}{}/", location(), folder_of(type));
  if (response.status == 404 && type == FileType::kLock) return expect_repository(cancel);
  // Its folders are made with a repository: one that is missing is no sign that there is nothing in it.
  if (response.status == 404) return fail(ErrorKind::kUnavailable, explain(response, what).message());
  TRY_ASSIGN(const auto listing, read_listing(response, what));
  if (listing.files.empty()) TRY(expect_repository(cancel));
  for (const auto& file : listing.files) {
    auto size = file.size;
    if (!size) {
      TRY_ASSIGN(size, stat({type, file.id}, cancel));
    }
    TRY(visit({file.id, *size}));
  }
  return {};
}

Status RestStorage::remove(const Handle& handle, const Cancel& cancel) {
  TRY(stat(handle, cancel));  // the server says yes to what is not there, too
  TRY_ASSIGN(const auto response, send({.method = "DELETE", .url = url_of(handle)}, cancel));
  if (response.succeeded()) return {};
  auto error = explain(response, "remove " + name_of(handle));
  if (response.status == 403) {
    error.hint("the server may be append-only: then only its administrator can remove what was backed up");
  }
  return fail(std::move(error));
}

}  // namespace varve::storage
