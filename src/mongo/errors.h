#pragma once

#include <string>

#include "bson/view.h"

namespace varve::mongo {

/// Server error codes that decide something here.
namespace code {
constexpr int kUnauthorized = 13;
constexpr int kAuthenticationFailed = 18;
constexpr int kNamespaceNotFound = 26;
constexpr int kIndexNotFound = 27;
constexpr int kCursorNotFound = 43;
constexpr int kNamespaceExists = 48;
constexpr int kMaxTimeExpired = 50;
constexpr int kCommandNotFound = 59;
constexpr int kWriteConcernFailed = 64;
constexpr int kNoReplication = 76;
constexpr int kIndexExists = 68;
constexpr int kCommandNotSupportedOnView = 166;
constexpr int kNotAReplicaSet = 123;
constexpr int kCappedPositionLost = 136;
constexpr int kMajorityReadsOff = 148;
constexpr int kQueryPlanKilled = 175;
constexpr int kSnapshotTooOld = 239;
constexpr int kSnapshotUnavailable = 246;
constexpr int kDuplicateKey = 11000;
constexpr int kOutOfDiskSpace = 14031;
}  // namespace code

/// An error that a server answered with: "db1:27017: <its words>".
Error server_error(const std::string& host, int server_code, std::string_view words);

/// No connection came about, or it broke.
Error unreachable(const std::string& host, std::string_view words);

/// A login was refused. `user` is "" where the connection string has none.
Error login_refused(const std::string& host, const std::string& user, std::string_view words);

/// The words of the driver on servers that it could not select, without its own vocabulary around them.
std::string selection_words(std::string_view driver_message);

/// Takes every occurrence of `secret`, as it is and percent-encoded, out of a text for people.
std::string without_secret(std::string text, const std::string& secret);

/// An error reply that a command may give as part of its normal life, such as writeErrors or writeConcernError.
Status check_write_reply(const std::string& host, bson::View reply);

}  // namespace varve::mongo
