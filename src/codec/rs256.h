#pragma once

#include "base/bytes.h"

namespace varve::codec {

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3) by a private key in PEM without a password; the same for the same
/// message. Nothing if it is no such key.
std::optional<Bytes> rs256(std::string_view private_key_pem, ByteView message);

}  // namespace varve::codec
