#pragma once

#include <memory>
#include <optional>

#include <curl/curl.h>

#include "base/rate_limit.h"
#include "net/http.h"

// Only for the .cc files of this room.

namespace varve::net {

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
/// libcurl's state of one connection.
using Handle = std::unique_ptr<CURL, CloseHandle>;

/// What all connections of a client share.
struct Limits {
  std::optional<RateLimit> upload, download;

  explicit Limits(const ClientOptions& options) {
    if (options.upload_limit > 0) upload.emplace(options.upload_limit);
    if (options.download_limit > 0) download.emplace(options.download_limit);
  }
};

/// Sends one request over a connection, which is as good as new afterwards.
Result<Response> transfer(CURL* handle, const ClientOptions& options, Limits& limits, const Request& request,
                          const Cancel& cancel);

/// What libcurl says where no answer came.
struct TransferTrouble {
  CURLcode code;
  std::string words;  ///< libcurl's own
  int system_error = 0;
  bool connected = false;  ///< and agreed on TLS where there is any
};
/// The same for people.
Error trouble_error(const TransferTrouble& trouble, const ClientOptions& options, const std::string& authority);

}  // namespace varve::net
