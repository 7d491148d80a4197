#include "mongo/driver.h"

#include <sys/mman.h>

#include "mongo/errors.h"
#include "mongo/tls_trouble.h"

/// Stands before the C library's, for libmongoc alone, which keeps counters in shared memory of the name "/mongoc-PID"
/// and makes them before main. A process that is killed leaves such a file; a later one with its number, which in a
/// container is the next one, would find it and warn on stderr. Memory without a name serves as well, and goes with the
/// process.
extern "C" int shm_open(const char* name, int, mode_t) {
  return memfd_create(name, MFD_CLOEXEC);
}

namespace varve::mongo {

namespace {

/// The TLS settings of a connection string; the texts belong to the URI.
mongoc_ssl_opt_t tls_options(const mongoc_uri_t* uri) {
  const auto text = [&](const char* name) { return mongoc_uri_get_option_as_utf8(uri, name, nullptr); };
  const auto flag = [&](const char* name) { return mongoc_uri_get_option_as_bool(uri, name, false); };
  mongoc_ssl_opt_t options{};
  options.pem_file = text(MONGOC_URI_TLSCERTIFICATEKEYFILE);
  options.pem_pwd = text(MONGOC_URI_TLSCERTIFICATEKEYFILEPASSWORD);
  options.ca_file = text(MONGOC_URI_TLSCAFILE);
  const bool insecure = flag(MONGOC_URI_TLSINSECURE);
  options.weak_cert_validation = insecure || flag(MONGOC_URI_TLSALLOWINVALIDCERTIFICATES);
  options.allow_invalid_hostname = insecure || flag(MONGOC_URI_TLSALLOWINVALIDHOSTNAMES);
  return options;
}

mongoc_stream_t* in_tls(mongoc_stream_t* base, const mongoc_uri_t* uri, const mongoc_host_list_t& host,
                        int32_t timeout_ms, Interrupt& interrupt, bson_error_t* error) {
  mongoc_ssl_opt_t options = tls_options(uri);
  mongoc_stream_t* stream = nullptr;
  auto trouble = unusable_tls_files(options);
  if (!trouble) stream = mongoc_stream_tls_new_with_hostname(base, host.host, &options, 1);
  if (stream == nullptr) {
    mongoc_stream_destroy(base);
    interrupt.trouble = trouble.value_or("the TLS settings cannot be used");
  } else {
    if (mongoc_stream_tls_handshake_block(stream, host.host, timeout_ms, error)) return stream;
    mongoc_stream_destroy(stream);
    interrupt.trouble = why_tls_failed(host, options, timeout_ms, interrupt, error->message);
  }
  bson_set_error(error, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET, "%s", interrupt.trouble.c_str());
  return nullptr;
}

mongoc_stream_t* connect(const mongoc_uri_t* uri, const mongoc_host_list_t* host, void* user_data,
                         bson_error_t* error) {
  auto& interrupt = *static_cast<Interrupt*>(user_data);
  constexpr int32_t kDefaultTimeoutMs = 10'000;
  const int32_t timeout_ms = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, kDefaultTimeoutMs);
  mongoc_stream_t* stream = open_socket_stream(*host, timeout_ms, interrupt);
  if (stream == nullptr) {
    bson_set_error(error, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT, "%s", interrupt.trouble.c_str());
  } else if (mongoc_uri_get_tls(uri)) {
    stream = in_tls(stream, uri, *host, timeout_ms, interrupt, error);
  }
  if (stream != nullptr) {
    const bson_t* compressors = mongoc_uri_get_compressors(uri);
    return guard_replies(stream, interrupt, compressors != nullptr && !bson_empty(compressors));
  }
  interrupt.unreached[host->host_and_port] = interrupt.trouble;
  return nullptr;
}

bool is_network_trouble(const bson_error_t& error) {
  return error.domain == MONGOC_ERROR_STREAM || error.domain == MONGOC_ERROR_SERVER_SELECTION;
}

}  // namespace

void start_driver() {
  static const bool started = [] {
    keep_large_blocks();
    mongoc_log_set_handler([](mongoc_log_level_t, const char*, const char*, void*) {}, nullptr);
    mongoc_init();
    return true;
  }();
  (void)started;
}

void use_interruptible_sockets(mongoc_client_t* client, Interrupt& interrupt) {
  mongoc_client_set_stream_initiator(client, connect, &interrupt);
}

Connection::State::~State() {
  constexpr std::chrono::seconds kFarewell(1);
  interrupt.cancel = nullptr;
  interrupt.deadline = std::chrono::steady_clock::now() + kFarewell;
  session.reset();
  client.reset();
}

Status Connection::State::run(std::string_view db, bson::View command, DriverDocument& reply, const Cancel& cancel) {
  TRY(cancel.check());
  const InterruptScope scope(interrupt, cancel);
  bson_t message;
  if (!bson_init_static(&message, command.bytes().data(), command.bytes().size())) {
    return fail(ErrorKind::kInternal, "a command that is not BSON");
  }
  bson_error_t error{};
  const bool done = mongoc_client_command_with_opts(client.get(), std::string(db).c_str(), &message, read_prefs.get(),
                                                    options.get(), reply.renew(), &error);
  if (done) return check_write_reply(host, reply.view());
  if (is_network_trouble(error)) TRY(cancel.check());
  return fail(driver_error(error, reply.view(), *this));
}

void Connection::State::run_briefly(std::string_view db, bson::View command) {
  constexpr std::chrono::seconds kFarewell(1);
  interrupt.deadline = std::chrono::steady_clock::now() + kFarewell;
  DriverDocument reply;
  (void)run(db, command, reply, Cancel());
  interrupt.deadline = Interrupt::Deadline::max();
}

Error driver_error(const bson_error_t& error, bson::View reply, const Connection::State& state) {
  const std::string& host = state.host;
  switch (error.domain) {
    case MONGOC_ERROR_STREAM:
      return Error(ErrorKind::kUnavailable,
                   "lost the connection to " + host + ": " +
                       (state.interrupt.trouble.empty() ? error.message : state.interrupt.trouble));
    case MONGOC_ERROR_SERVER_SELECTION:
      return unreachable(host, selection_words(error.message));
    case MONGOC_ERROR_SERVER:
    case MONGOC_ERROR_COMMAND:
    case MONGOC_ERROR_QUERY:
    case MONGOC_ERROR_WRITE_CONCERN: {
      const auto number = reply.int64("code").value_or(static_cast<int64_t>(error.code));
      return server_error(host, static_cast<int>(number), error.message);
    }
    case MONGOC_ERROR_CLIENT:
      if (error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE) return login_refused(host, state.uri.user(), error.message);
      [[fallthrough]];
    default:
      return Error(ErrorKind::kInternal, host + ": " + error.message);
  }
}

}  // namespace varve::mongo
