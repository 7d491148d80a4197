#include "mongo/tls_trouble.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace varve::mongo {

namespace {

template <typename T, void (*Free)(T*)>
struct Freed {
  void operator()(T* object) const { Free(object); }
};
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freed<SSL, SSL_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES, GENERAL_NAMES_free>>;
using Stream = std::unique_ptr<mongoc_stream_t, Freed<mongoc_stream_t, mongoc_stream_destroy>>;

std::string last_openssl_words() {
  const auto code = ERR_peek_last_error();
  const char* words = ERR_reason_error_string(code);
  ERR_clear_error();
  return words != nullptr ? words : "it cannot be used";
}

std::optional<std::string> unreadable(const char* option, const char* path) {
  if (path == nullptr || ::access(path, R_OK) == 0) return std::nullopt;
  return std::string(option) + "=" + path + " cannot be read: " + std::strerror(errno);
}

int give_password(char* buffer, int size, int, void* password) {
  const auto* text = static_cast<const char*>(password);
  if (text == nullptr) return 0;  // and do not ask on the terminal
  const int length = std::min(size, static_cast<int>(std::strlen(text)));
  std::memcpy(buffer, text, static_cast<size_t>(length));
  return length;
}

/// With what the settings name; the first thing that fails in `trouble`.
Context context_of(const mongoc_ssl_opt_t& options, std::optional<std::string>& trouble) {
  Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* c = context.get();
  ERR_clear_error();
  const auto check = [&](bool good, const std::string& what) {
    if (!good && !trouble) trouble = what + ": " + last_openssl_words();
  };
  if (options.ca_file != nullptr) {
    check(SSL_CTX_load_verify_locations(c, options.ca_file, nullptr) == 1,
          std::string("tlsCAFile=") + options.ca_file + " holds no certificate of an authority");
  } else {
    SSL_CTX_set_default_verify_paths(c);
  }
  if (options.pem_file != nullptr) {
    const std::string file = std::string("tlsCertificateKeyFile=") + options.pem_file;
    SSL_CTX_set_default_passwd_cb(c, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(c, const_cast<char*>(options.pem_pwd));
    check(SSL_CTX_use_certificate_chain_file(c, options.pem_file) == 1, file + " holds no certificate");
    check(SSL_CTX_use_PrivateKey_file(c, options.pem_file, SSL_FILETYPE_PEM) == 1,
          file + " holds no private key, or one with another password than tlsCertificateKeyFilePassword");
    check(SSL_CTX_check_private_key(c) == 1, file + ": the private key is not that of the certificate");
  }
  return context;
}

/// Drives a handshake through the driver's stream. False if the server ended it, or does not speak TLS.
bool shake_hands(SSL* ssl, mongoc_stream_t* stream, int32_t timeout_ms) {
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);  // which takes both
  std::array<char, 4096> piece;
  for (;;) {
    const int done = SSL_connect(ssl);
    for (int size; (size = BIO_read(out, piece.data(), piece.size())) > 0;) {
      if (mongoc_stream_write(stream, piece.data(), static_cast<size_t>(size), timeout_ms) != size) return false;
    }
    if (done == 1) return true;
    if (SSL_get_error(ssl, done) != SSL_ERROR_WANT_READ) return false;
    const auto got = mongoc_stream_read(stream, piece.data(), piece.size(), 1, timeout_ms);
    if (got <= 0) return false;
    BIO_write(in, piece.data(), static_cast<int>(got));
  }
}

std::string text_of(const ASN1_TIME* time) {
  tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown time";
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

/// The names of servers that a certificate is for: "db1.example.net, 10.0.0.7".
std::string names_in(X509* certificate) {
  std::string text;
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    std::unique_ptr<BIO, Freed<BIO, BIO_vfree>> printed(BIO_new(BIO_s_mem()));
    GENERAL_NAME_print(printed.get(), const_cast<GENERAL_NAME*>(name));
    char* data = nullptr;
    const long size = BIO_get_mem_data(printed.get(), &data);
    const std::string one(data, static_cast<size_t>(size));
    text += (text.empty() ? "" : ", ") + one.substr(one.find(':') + 1);
  }
  return text.empty() ? "no name of a server" : text;
}

std::string untrusted(const mongoc_ssl_opt_t& options) {
  const std::string what = "its certificate is not signed by an authority ";
  if (options.ca_file != nullptr) return what + "in tlsCAFile=" + options.ca_file;
  return what + "that this system knows; tlsCAFile=FILE in the connection string names the file of one";
}

/// Nothing if the certificate is as it should be.
std::optional<std::string> trouble_with(X509* certificate, long verdict, const char* host,
                                        const mongoc_ssl_opt_t& options) {
  switch (verdict) {
    case X509_V_OK:
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate, or that of an authority above it, has expired; its own was good until " +
             text_of(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is good only from " + text_of(X509_get0_notBefore(certificate)) +
             " on; are the clocks right?";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return untrusted(options);
    default:
      return std::string("its certificate cannot be trusted: ") + X509_verify_cert_error_string(verdict);
  }
  const bool fits =
      X509_check_host(certificate, host, 0, 0, nullptr) == 1 || X509_check_ip_asc(certificate, host, 0) == 1;
  if (fits || options.allow_invalid_hostname) return std::nullopt;
  return "its certificate is for " + names_in(certificate) + ", not for " + host;
}

}  // namespace

std::optional<std::string> unusable_tls_files(const mongoc_ssl_opt_t& options) {
  auto trouble = unreadable("tlsCAFile", options.ca_file);
  if (!trouble) trouble = unreadable("tlsCertificateKeyFile", options.pem_file);
  if (!trouble) (void)context_of(options, trouble);
  return trouble;
}

std::string why_tls_failed(const mongoc_host_list_t& host, const mongoc_ssl_opt_t& options, int32_t timeout_ms,
                           Interrupt& interrupt, const std::string& words) {
  std::optional<std::string> trouble;
  const Context context = context_of(options, trouble);
  const Stream stream(open_socket_stream(host, timeout_ms, interrupt));
  if (!stream) return words;
  const Session session(SSL_new(context.get()));
  SSL_set_verify(session.get(), SSL_VERIFY_NONE, nullptr);
  SSL_set_tlsext_host_name(session.get(), host.host);
  const bool shaken = shake_hands(session.get(), stream.get(), timeout_ms);
  const Certificate certificate(SSL_get1_peer_certificate(session.get()));
  ERR_clear_error();
  if (!certificate) {
    return shaken ? words : words + "; a server without TLS wants tls=false in the connection string";
  }
  return trouble_with(certificate.get(), SSL_get_verify_result(session.get()), host.host, options).value_or(words);
}

}  // namespace varve::mongo
