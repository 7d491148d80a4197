#pragma once

#include <optional>
#include <string>

#include "mongo/driver.h"

// What is wrong with TLS, in words that help. The driver knows that a handshake failed; why is for OpenSSL to say.

namespace varve::mongo {

/// What in the files that the settings name keeps them from being used: not there, a wrong password, a key that does
/// not belong to its certificate. Nothing if they can be.
std::optional<std::string> unusable_tls_files(const mongoc_ssl_opt_t& options);

/// Makes the handshake again, over a new connection and taking every certificate, to find out what is wrong with the
/// server's. `words` are the driver's, which are given back where nothing is.
std::string why_tls_failed(const mongoc_host_list_t& host, const mongoc_ssl_opt_t& options, int32_t timeout_ms,
                           Interrupt& interrupt, const std::string& words);

}  // namespace varve::mongo
