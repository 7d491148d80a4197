#include "mongo/connection.h"

#include <algorithm>
#include <array>
#include <limits>

#include "mongo/driver.h"
#include "mongo/errors.h"

namespace varve::mongo {

namespace {

using Seconds = std::chrono::seconds;

std::string seeds_of(const Uri& uri) {
  std::string text;
  for (const auto& seed : uri.seeds()) text += (text.empty() ? "" : ", ") + seed;
  return text.empty() ? uri.masked() : text;
}

/// Waits are limited by Cancel and keep-alive, not by the driver's clock: an index build may take hours. Nothing is
/// retried behind our back.
void settle_options(mongoc_uri_t* uri, Seconds timeout) {
  const auto limit_ms = static_cast<int32_t>(std::chrono::milliseconds(timeout).count());
  const auto asked = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, limit_ms);
  mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, std::min(asked, limit_ms));
  mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, limit_ms);
  mongoc_uri_set_option_as_bool(uri, MONGOC_URI_SERVERSELECTIONTRYONCE, true);
  mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, std::numeric_limits<int32_t>::max());
  mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYREADS, false);
  mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
}

/// Whether the driver will talk to the one host whatever its role, as it does where nothing else is said.
bool talks_to_one(const mongoc_uri_t* uri) {
  if (mongoc_uri_has_option(uri, MONGOC_URI_DIRECTCONNECTION)) {
    return mongoc_uri_get_option_as_bool(uri, MONGOC_URI_DIRECTCONNECTION, false);
  }
  const auto* hosts = mongoc_uri_get_hosts(uri);
  return mongoc_uri_get_replica_set(uri) == nullptr && hosts != nullptr && hosts->next == nullptr;
}

/// The one explicit session: a getMore is refused in another than its find's.
void start_session(Connection::State& state) {
  const SessionOptsPtr options(mongoc_session_opts_new());
  mongoc_session_opts_set_causal_consistency(options.get(), false);
  bson_error_t error{};
  state.session.reset(mongoc_client_start_session(state.client.get(), options.get(), &error));
  if (state.session) mongoc_client_session_append(state.session.get(), state.options.get(), &error);
}

/// The words of the driver for a server that took a connection and ended it.
bool was_closed(const std::string& words) {
  constexpr std::array kForms = {"closed connection", "connection closed", "receive length header"};
  return std::ranges::any_of(kForms, [&](const char* form) { return words.find(form) != std::string::npos; });
}

class Connector {
 public:
  Connector(Connection::State& state, const Cancel& cancel, Seconds timeout)
      : state_(state), cancel_(cancel), timeout_(timeout) {}

  Status connect() {
    const auto end = std::chrono::steady_clock::now() + timeout_;
    for (;;) {
      const auto status = attempt();
      const bool may_change = !status && status.error().kind() == ErrorKind::kUnavailable && set_without_primary_;
      if (!may_change || std::chrono::steady_clock::now() >= end) return status;
      if (!cancel_.sleep(std::chrono::milliseconds(500))) return cancel_.check();
    }
  }

 private:
  Status attempt() {
    set_without_primary_ = false;
    TRY(make_client());
    TRY(select_server());
    if (wants_writes_ && !primary_ && alone_) {
      follow_set_ = true;
      TRY(make_client());
      TRY(select_server());
    }
    start_session(state_);
    bson::Builder ping;
    ping.add("ping", int32_t{1});
    DriverDocument reply;
    return state_.run("admin", ping.finish(), reply, cancel_);
  }

  Status make_client() {
    bson_error_t error{};
    const UriPtr uri(mongoc_uri_new_with_error(state_.uri.text().c_str(), &error));
    if (!uri) return fail(ErrorKind::kInvalidInput, "not a usable MongoDB connection string: " + state_.uri.masked());
    settle_options(uri.get(), timeout_);
    wants_writes_ = !state_.uri.is_direct();
    if (follow_set_) mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_DIRECTCONNECTION, false);
    alone_ = talks_to_one(uri.get());
    state_.session.reset();
    state_.client.reset(mongoc_client_new_from_uri_with_error(uri.get(), &error));
    if (!state_.client) {
      return fail(ErrorKind::kUnavailable, "cannot reach " + state_.uri.masked() + ": " + error.message);
    }
    mongoc_client_set_error_api(state_.client.get(), MONGOC_ERROR_API_VERSION_2);
    mongoc_client_set_appname(state_.client.get(), "varve");
    use_interruptible_sockets(state_.client.get(), state_.interrupt);
    state_.read_prefs.reset(mongoc_read_prefs_new(alone_ ? MONGOC_READ_SECONDARY_PREFERRED : MONGOC_READ_PRIMARY));
    return {};
  }

  Status select_server() {
    const InterruptScope scope(state_.interrupt, cancel_);
    bson_error_t error{};
    const ServerDescriptionPtr server(
        mongoc_client_select_server(state_.client.get(), false, state_.read_prefs.get(), &error));
    if (!server) {
      TRY(cancel_.check());
      set_without_primary_ = knows_a_member();
      state_.host = seeds_of(state_.uri);
      return fail(set_without_primary_ ? no_primary(error) : no_server(error));
    }
    const bson_t* hello = mongoc_server_description_hello_response(server.get());
    const bson::View answer(ByteView(bson_get_data(hello), hello->len));
    state_.host = mongoc_server_description_host(server.get())->host_and_port;
    state_.wire_version = answer.int64("maxWireVersion").value_or(0);
    state_.replica_set = answer.find("setName").has_value();
    primary_ = !answer.truthy("secondary") && (answer.truthy("ismaster") || answer.truthy("isWritablePrimary"));
    return {};
  }

  Error no_primary(const bson_error_t& error) const {
    return Error(ErrorKind::kUnavailable, "no primary among " + state_.host + ": " + selection_words(error.message))
        .hint(
            "an election takes some seconds; if it lasts, too few members are up, or the names that the set gives its "
            "members cannot be resolved here");
  }

  Error no_server(const bson_error_t& words) const {
    const auto& unreached = state_.interrupt.unreached;
    Error error = driver_error(words, {}, state_);
    if (unreached.size() > 1) {
      error = Error(ErrorKind::kUnavailable, "cannot reach any of " + state_.host);
      for (const auto& [host, trouble] : unreached) error.hint(host + ": " + trouble);
    }
    if (was_closed(error.message())) {
      error.hint(mongoc_uri_get_tls(mongoc_client_get_uri(state_.client.get()))
                     ? "it may want a certificate of the client, signed by an authority that it trusts: "
                       "tlsCertificateKeyFile=FILE in the connection string"
                     : "a server that wants TLS ends plain connections: tls=true in the connection string");
    }
    const auto set = state_.uri.replica_set();
    if (!set.empty() && unreached.empty()) {
      error.hint("do its servers belong to a replica set called '" + set + "', as the connection string says?");
    }
    return error;
  }

  /// Whether some member of a set answered, so that waiting for an election makes sense.
  bool knows_a_member() const {
    size_t count = 0;
    auto** all = mongoc_client_get_server_descriptions(state_.client.get(), &count);
    bool member = false;
    for (size_t i = 0; i < count; ++i) {
      const std::string_view type = mongoc_server_description_type(all[i]);
      member = member || type.starts_with("RS");
    }
    mongoc_server_descriptions_destroy_all(all, count);
    return member;
  }

  Connection::State& state_;
  const Cancel& cancel_;
  const Seconds timeout_;
  bool follow_set_ = false;
  bool alone_ = false;
  bool wants_writes_ = false;
  bool primary_ = false;
  bool set_without_primary_ = false;
};

}  // namespace

Connection::Connection() = default;
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Result<Connection> Connection::open(const Uri& uri, const Cancel& cancel, Seconds timeout) {
  start_driver();
  TRY(cancel.check());
  Connection connection;
  connection.state_ = std::make_unique<State>(uri);
  TRY(Connector(*connection.state_, cancel, timeout).connect());
  return connection;
}

Result<bson::Document> Connection::command(std::string_view db, bson::View command, const Cancel& cancel) {
  DriverDocument reply;
  TRY(state_->run(db, command, reply, cancel));
  return bson::Document(reply.bytes());
}

const std::string& Connection::host() const {
  return state_->host;
}

const Uri& Connection::uri() const {
  return state_->uri;
}

bool Connection::in_replica_set() const {
  return state_->replica_set;
}

int64_t Connection::wire_version() const {
  return state_->wire_version;
}

}  // namespace varve::mongo
