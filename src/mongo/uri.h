#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace varve::mongo {

/// A MongoDB connection string, checked. Copyable; holds the password, so it is never printed: use masked().
class Uri {
 public:
  /// kInvalidInput with what is wrong, never quoting the password.
  static Result<Uri> parse(const std::string& text);

  /// "mongodb://backup:***@db1,db2/?replicaSet=rs0"
  std::string masked() const;
  /// The user's text. Secret.
  const std::string& text() const { return text_; }
  /// host:port of every seed; after resolving the SRV record for mongodb+srv.
  std::vector<std::string> seeds() const;
  std::string user() const;
  bool is_srv() const;
  /// The set's name that the text asks for; "" if none.
  std::string replica_set() const;
  /// True if the text asks for its one member alone, with directConnection=true.
  bool is_direct() const;
  /// The same with the hosts and settings that the SRV and TXT records name now; kUnavailable if there are none.
  Result<Uri> resolved() const;
  /// The same settings for that one host:port, with directConnection=true and without replicaSet and SRV.
  Uri direct_to(const std::string& host_port) const;
  /// The same with these host:port besides its own, so that a set is found when its seeds are down.
  Uri with_more_seeds(const std::vector<std::string>& hosts) const;
  /// The same with this host:port, if it is among several, as the last one to be tried.
  Uri with_last_seed(const std::string& host) const;
  /// The same URI with this password put in (VARVE_MONGO_PASSWORD and the like), where it has a user and no password.
  Uri with_password(const std::string& password) const;

 private:
  Uri with_seeds(const std::vector<std::string>& hosts) const;
  std::string text_;
};

}  // namespace varve::mongo
