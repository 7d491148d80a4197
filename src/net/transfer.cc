#include "net/transfer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace varve::net {

namespace {

constexpr long kBuffer = 256L << 10;
constexpr long kLeastBuffer = 1L << 10;
constexpr size_t kErrorBody = 64u << 10;
constexpr uint64_t kBelievedLength = 16u << 20;  // a server may announce what it likes
constexpr long kStalled = 100;                   // bytes a second

/// As much as moves in a quarter of a second, so that nobody who is limited looks as if nothing moved.
long buffer_for(const std::optional<RateLimit>& limit) {
  if (!limit || limit->rate() / 4 > static_cast<uint64_t>(kBuffer)) return kBuffer;
  return std::max(static_cast<long>(limit->rate() / 4), kLeastBuffer);
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

/// What the callbacks of one transfer work on. They are called from C: nothing may be thrown through it.
struct Transfer {
  const Request& request;
  const Cancel& cancel;
  Limits& limits;
  Response response;
  size_t piece = 0, offset = 0;  ///< of the body, what is sent next
  bool too_long = false, no_memory = false, rewound = false;
  bool enough = false;  ///< came of an error's body, which may have no end
};

size_t give_body(char* out, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto body = transfer.request.body;
  auto& limit = transfer.limits.upload;
  const size_t room = std::min(size * count, static_cast<size_t>(buffer_for(limit)));
  size_t given = 0;
  while (given < room && transfer.piece < body.size()) {
    const ByteView rest = body[transfer.piece].subspan(transfer.offset);
    const size_t part = std::min(rest.size(), room - given);
    std::copy_n(rest.data(), part, out + given);
    given += part;
    transfer.offset += part;
    if (part < rest.size()) break;
    ++transfer.piece;
    transfer.offset = 0;
  }
  if (limit && !limit->pay(given, transfer.cancel)) return CURL_READFUNC_ABORT;
  return given;
}

int rewind_body(void* user, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  transfer.rewound = true;
  transfer.piece = transfer.offset = 0;
  for (auto left = static_cast<uint64_t>(offset); left > 0;) {
    if (transfer.piece == transfer.request.body.size()) return CURL_SEEKFUNC_FAIL;
    const size_t size = transfer.request.body[transfer.piece].size();
    if (left < size) {
      transfer.offset = left;
      break;
    }
    left -= size;
    ++transfer.piece;
  }
  return CURL_SEEKFUNC_OK;
}

size_t take_header(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::string_view line(data, size * count);
  try {
    if (line.starts_with("HTTP/")) {  // of an answer after 100 Continue, or a proxy's
      transfer.response = {};
    } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      Header header{std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))};
      std::ranges::transform(header.name, header.name.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      header.value.erase(0, header.value.find_first_not_of(" \t"));
      header.value.erase(header.value.find_last_not_of(" \t\r\n") + 1);
      transfer.response.headers.push_back(std::move(header));
    }
  } catch (const std::bad_alloc&) {
    transfer.no_memory = true;
    return 0;
  }
  return size * count;
}

struct Sink {
  Transfer& transfer;
  CURL* handle;

  size_t take(ByteView part) {
    Response& response = transfer.response;
    if (response.status == 0) begin();
    const bool failed = response.status >= 300;
    const uint64_t limit = failed ? kErrorBody : transfer.request.response_limit;
    if (part.size() > limit - response.body.size()) {
      if (!failed) {
        transfer.too_long = true;
        return 0;
      }
      append(response.body, part.first(limit - response.body.size()));
      transfer.enough = true;
      return 0;
    }
    append(response.body, part);
    return part.size();
  }

  /// Room for all of it at once, or much of it: it is not to be copied about while it grows.
  void begin() {
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    transfer.response.status = static_cast<int>(status);
    if (length > 0 && status < 300 && transfer.request.method != "HEAD") {
      const uint64_t most = std::min(transfer.request.response_limit, kBelievedLength);
      transfer.response.body.reserve(std::min(static_cast<uint64_t>(length), most));
    }
  }
};

size_t take_body(char* data, size_t size, size_t count, void* user) {
  auto& sink = *static_cast<Sink*>(user);
  auto& limit = sink.transfer.limits.download;
  try {
    const size_t taken = sink.take(as_bytes({data, size * count}));
    return limit && !limit->pay(taken, sink.transfer.cancel) ? 0 : taken;
  } catch (const std::bad_alloc&) {
    sink.transfer.no_memory = true;
    return 0;
  }
}

/// Called about once a second, and whenever something moves.
int look_for_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->cancel.stopped() ? 1 : 0;
}

void set_blob(CURL* handle, CURLoption option, const std::string& text) {
  curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
  curl_easy_setopt(handle, option, &blob);
}

void set_connection(CURL* handle, const ClientOptions& options, const Limits& limits) {
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);  // without waiting for a name server that does not answer
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, limits.upload || limits.download ? 1L : kStalled);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, buffer_for(limits.download));
  curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, kBuffer);
  if (!options.authorities_pem.empty()) {
    set_blob(handle, CURLOPT_CAINFO_BLOB, options.authorities_pem);
    curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);  // the system's folder would count beside them
  }
  if (!options.certificate_pem.empty()) {
    set_blob(handle, CURLOPT_SSLCERT_BLOB, options.certificate_pem);
    set_blob(handle, CURLOPT_SSLKEY_BLOB, options.certificate_pem);
  }
  if (options.direct) curl_easy_setopt(handle, CURLOPT_PROXY, "");
  if (options.any_certificate) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

/// Gives the headers, which must live as long as the transfer.
HeaderList set_request(CURL* handle, const Request& request) {
  HeaderList list(curl_slist_append(nullptr, "Expect:"));  // else libcurl waits for a second to be told to go on
  curl_slist_append(list.get(), "Accept:");  // nobody else's headers: some stores refuse what is not signed
  for (const auto& header : request.headers) {
    // A header without a value is written with a semicolon; with a colon it would be left out.
    const auto line = header.value.empty() ? header.name + ";" : header.name + ": " + header.value;
    curl_slist_append(list.get(), line.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list.get());
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  if (request.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request.method == "PUT" || request.method == "POST") {
    uint64_t size = 0;
    for (const ByteView piece : request.body) size += piece.size();
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
  }
  if (request.method != "HEAD") curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  return list;
}

void set_callbacks(CURL* handle, Transfer& transfer, Sink& sink) {
  curl_easy_setopt(handle, CURLOPT_READFUNCTION, give_body);
  curl_easy_setopt(handle, CURLOPT_READDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, rewind_body);
  curl_easy_setopt(handle, CURLOPT_SEEKDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_for_stop);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
}

Error failure(CURL* handle, CURLcode code, const char* words, const Transfer& transfer, const ClientOptions& options) {
  const auto authority = authority_of(transfer.request.url);
  if (transfer.no_memory) return Error(ErrorKind::kUnavailable, "there is not enough memory");
  if (transfer.too_long) {
    return Error(ErrorKind::kUnavailable, fmt::format("{} answers with more than the {} bytes that were asked for",
                                                      authority, transfer.request.response_limit));
  }
  long system_error = 0;
  curl_off_t connected = 0;
  curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &system_error);
  curl_easy_getinfo(handle, CURLINFO_PRETRANSFER_TIME_T, &connected);
  return trouble_error({code, words, static_cast<int>(system_error), connected > 0}, options, authority);
}

}  // namespace

Result<Response> transfer(CURL* handle, const ClientOptions& options, Limits& limits, const Request& request,
                          const Cancel& cancel) {
  Transfer state{.request = request, .cancel = cancel, .limits = limits, .response = {}};
  Sink sink{state, handle};
  std::array<char, CURL_ERROR_SIZE> words{};
  curl_easy_reset(handle);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, words.data());
  set_connection(handle, options, limits);
  const auto headers = set_request(handle, request);
  set_callbacks(handle, state, sink);
  const CURLcode code = curl_easy_perform(handle);
  auto outcome = [&]() -> Result<Response> {
    TRY(cancel.check());
    if (code != CURLE_OK && !state.enough) return fail(failure(handle, code, words.data(), state, options));
    if (state.response.status == 0) sink.begin();
    state.response.sent_twice = state.rewound;
    return std::move(state.response);
  }();
  curl_easy_reset(handle);  // what it was given goes with this call
  return outcome;
}

}  // namespace varve::net
