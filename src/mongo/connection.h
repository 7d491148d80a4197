#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "bson/document.h"
#include "mongo/uri.h"

namespace varve::mongo {

/// One single-threaded driver client (libmongoc), which is in no other header. Calls obey their Cancel within about a
/// second, also while they wait for the network (a stream initializer polls it).
class Connection {
 public:
  /// Connects and logs in: proves it with a ping. Errors: kUnavailable (no server; the driver's words), kDenied
  /// (refused login), kInvalidInput. A direct URI talks to that one member whatever its role; another one finds the
  /// primary.
  static Result<Connection> open(const Uri& uri, const Cancel& cancel,
                                 std::chrono::seconds timeout = std::chrono::seconds(10));
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  /// Runs a command with the connection's one explicit session (so that getMore finds its cursor), secondary reads
  /// allowed. Server errors: Error::code() is the server's, the message quotes it; 13 and 18 give kDenied, 26
  /// kNotFound, network trouble kUnavailable, else kInternal -- callers match by code.
  Result<bson::Document> command(std::string_view db, bson::View command, const Cancel& cancel);

  /// What the server names itself in errors: "db1:27017".
  const std::string& host() const;
  const Uri& uri() const;
  /// What the server said when it was reached.
  bool in_replica_set() const;
  /// The newest dialect it speaks: 8 is MongoDB 4.2, 9 is 4.4, 13 is 5.0, 17 is 6.0.
  int64_t wire_version() const;

  struct State;  // for this room's other files
  State& state() { return *state_; }

 private:
  Connection();
  std::unique_ptr<State> state_;
};

}  // namespace varve::mongo
