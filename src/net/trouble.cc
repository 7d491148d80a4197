#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "net/transfer.h"

namespace varve::net {

namespace {

/// The system's reason, or libcurl's where it has none. Of a proxy that cannot be used libcurl tells all that was set,
/// the password too: of that only the kind of the trouble is told.
std::string reason(const TransferTrouble& trouble) {
  if (trouble.system_error != 0) return std::strerror(trouble.system_error);
  const bool may_tell = trouble.code != CURLE_COULDNT_CONNECT && !trouble.words.empty();
  return may_tell ? trouble.words : curl_easy_strerror(trouble.code);
}

Error not_connected(const TransferTrouble& trouble, const std::string& authority) {
  Error error(ErrorKind::kUnavailable, fmt::format("cannot connect to {}: {}", authority, reason(trouble)));
  if (trouble.system_error == ECONNREFUSED) error.hint("is the server running, and is this its port?");
  return error;
}

Error timed_out(const TransferTrouble& trouble, const ClientOptions& options, const std::string& authority) {
  if (!trouble.connected) {
    return Error(ErrorKind::kUnavailable,
                 fmt::format("cannot connect to {} within {} s", authority, options.connect_timeout.count()))
        .hint("is it the right host, and does no firewall keep it from here?");
  }
  return Error(ErrorKind::kUnavailable,
               fmt::format("{} was silent for {} s", authority, options.stall_timeout.count()));
}

Error no_http(const std::string& authority) {
  return Error(ErrorKind::kInvalidInput, fmt::format("{} answers, but not as a server of HTTP does", authority))
      .hint("is this its port?");
}

Error not_trusted(const TransferTrouble& trouble, const std::string& authority) {
  return Error(ErrorKind::kDenied,
               fmt::format("the certificate of {} cannot be trusted: {}", authority,
                           trouble.words.empty() ? curl_easy_strerror(trouble.code) : trouble.words))
      .hint(
          "--cacert FILE names an authority of your own; the certificate must be for the name by which it is reached");
}

/// By the alerts of TLS about the certificate that was shown, or was not, as OpenSSL words them.
std::optional<Error> no_client_certificate(const TransferTrouble& trouble, const std::string& authority) {
  const auto says = [&](std::string_view words) { return trouble.words.find(words) != std::string::npos; };
  if (says("alert certificate required")) {
    return Error(ErrorKind::kDenied, fmt::format("{} wants a certificate of whoever comes", authority))
        .hint("--tls-client-cert FILE shows one");
  }
  if (says("alert bad certificate") || says("alert unknown ca") || says("alert certificate expired") ||
      says("alert certificate unknown")) {
    return Error(ErrorKind::kDenied,
                 fmt::format("{} does not take the certificate that it was shown: {}", authority, trouble.words))
        .hint("is the one of --tls-client-cert of an authority that it trusts, and has it not ended?");
  }
  return std::nullopt;
}

}  // namespace

Error trouble_error(const TransferTrouble& trouble, const ClientOptions& options, const std::string& authority) {
  if (auto refused = no_client_certificate(trouble, authority)) return *std::move(refused);
  switch (trouble.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return Error(ErrorKind::kUnavailable, fmt::format("the host of {} is not known", authority))
          .hint("is its name right, and does this machine's name server answer?");
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Error(ErrorKind::kUnavailable, "the proxy is not usable, or its host is not known")
          .hint("the variables https_proxy, http_proxy and no_proxy name proxies");
    case CURLE_COULDNT_CONNECT:
      return not_connected(trouble, authority);
    case CURLE_OPERATION_TIMEDOUT:
      return timed_out(trouble, options, authority);
    case CURLE_PEER_FAILED_VERIFICATION:
      return not_trusted(trouble, authority);
    case CURLE_SSL_CONNECT_ERROR:
      return Error(ErrorKind::kUnavailable, fmt::format("no TLS connection to {}: {}", authority, trouble.words))
          .hint("where the server has no TLS, its place begins with http:// in place of https://");
    case CURLE_SSL_CACERT_BADFILE:
      return Error(ErrorKind::kInvalidInput, "the file of --cacert holds no certificates: " + trouble.words);
    case CURLE_SSL_CERTPROBLEM:
      return Error(ErrorKind::kInvalidInput, "the file of --tls-client-cert is not usable: " + trouble.words)
          .hint("it holds the certificate and its key, which has no password, as PEM");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      if (trouble.connected) return no_http(authority);
      return Error(ErrorKind::kInvalidInput, fmt::format("\"{}\" is no address of a server", authority));
    default:
      return Error(ErrorKind::kUnavailable, fmt::format("the connection to {} broke: {}", authority, reason(trouble)));
  }
}

}  // namespace varve::net
