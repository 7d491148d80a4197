#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include <mongoc/mongoc.h>

#include "base/cancel.h"
#include "bson/document.h"
#include "mongo/connection.h"

// The only header of the room in which the driver's types appear.

namespace varve::mongo {

template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* p) const {
    destroy(p);
  }
};

using UriPtr = std::unique_ptr<mongoc_uri_t, Destroy<mongoc_uri_destroy>>;
using ClientPtr = std::unique_ptr<mongoc_client_t, Destroy<mongoc_client_destroy>>;
using SessionPtr = std::unique_ptr<mongoc_client_session_t, Destroy<mongoc_client_session_destroy>>;
using SessionOptsPtr = std::unique_ptr<mongoc_session_opt_t, Destroy<mongoc_session_opts_destroy>>;
using ReadPrefsPtr = std::unique_ptr<mongoc_read_prefs_t, Destroy<mongoc_read_prefs_destroy>>;
using ServerDescriptionPtr = std::unique_ptr<mongoc_server_description_t, Destroy<mongoc_server_description_destroy>>;

/// Starts the driver once a process and silences its log; it is never stopped, since connections may outlive main.
void start_driver();

/// Has the driver's large blocks of memory go round among its connections: at most 160 MiB lie idle, where the system
/// had given them. Before the driver starts.
void keep_large_blocks();

/// A bson_t that is freed; moving is copying bytes, so it stays where it was made.
class DriverDocument {
 public:
  DriverDocument() { bson_init(&bson_); }
  ~DriverDocument() { bson_destroy(&bson_); }
  DriverDocument(const DriverDocument&) = delete;
  DriverDocument& operator=(const DriverDocument&) = delete;

  bson_t* get() { return &bson_; }
  /// Empties it for a call that initialises its reply itself.
  bson_t* renew() {
    bson_destroy(&bson_);
    return &bson_;
  }
  ByteView bytes() const { return {bson_get_data(&bson_), bson_.len}; }
  bson::View view() const { return bson::View(bytes()); }

 private:
  bson_t bson_;
};

/// What tells the sockets of one client to give up. The sockets point to it, so it outlives the client.
struct Interrupt {
  using Deadline = std::chrono::steady_clock::time_point;

  const Cancel* cancel = nullptr;
  Deadline deadline = Deadline::max();           ///< for farewells, which must not wait for a dead server
  std::string trouble;                           ///< what the system said of the last socket that failed
  std::map<std::string, std::string> unreached;  ///< the same by host, for connections that did not come about

  bool raised() const {
    return (cancel != nullptr && cancel->stopped()) || std::chrono::steady_clock::now() > deadline;
  }
};

/// A TCP socket as a driver stream that looks at the Interrupt at least twice a second, whatever time the driver gives
/// it. It keeps bytes that came before a time ran out, so that none is lost. Null, with `interrupt.trouble` set, if
/// there is no connection within `timeout_ms`.
mongoc_stream_t* open_socket_stream(const mongoc_host_list_t& host, int32_t timeout_ms, Interrupt& interrupt);

/// `base`, which it takes, with an error where what is read from it cannot be a server's replies (ReplyGuard).
mongoc_stream_t* guard_replies(mongoc_stream_t* base, Interrupt& interrupt, bool compressed);

/// Makes all of the client's connections with such sockets, in TLS where the URI asks for it.
void use_interruptible_sockets(mongoc_client_t* client, Interrupt& interrupt);

struct Connection::State {
  explicit State(Uri from) : uri(std::move(from)) {}
  ~State();

  Uri uri;
  Interrupt interrupt;
  ClientPtr client;
  SessionPtr session;  ///< null where the server has none
  ReadPrefsPtr read_prefs;
  DriverDocument options;  ///< of every command: the session
  std::string host;
  int64_t wire_version = 0;
  bool replica_set = false;

  /// Runs one command; the reply stays where the driver put it. An answer with a write concern error is an error.
  Status run(std::string_view db, bson::View command, DriverDocument& reply, const Cancel& cancel);
  /// The same for a farewell that may take a second at most and whose outcome matters to nobody.
  void run_briefly(std::string_view db, bson::View command);
};

/// Holds the Cancel of a call for the sockets.
class InterruptScope {
 public:
  InterruptScope(Interrupt& interrupt, const Cancel& cancel) : interrupt_(interrupt), before_(interrupt.cancel) {
    interrupt_.cancel = &cancel;
    interrupt_.trouble.clear();
  }
  ~InterruptScope() { interrupt_.cancel = before_; }
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  Interrupt& interrupt_;
  const Cancel* before_;
};

/// The driver's view of an error, put into ours.
Error driver_error(const bson_error_t& error, bson::View reply, const Connection::State& state);

}  // namespace varve::mongo
