#include "mongo/errors.h"

#include <array>

#include "mongo/uri_parts.h"

namespace varve::mongo {

namespace {

/// The server is there, but not in a state to serve: elections, shutdowns, time limits.
bool may_pass(int server_code) {
  constexpr std::array kPassing = {6,   7,    11,    50,    64,    89,    91,    112,  189,
                                   262, 9001, 10058, 10107, 11600, 11602, 13435, 13436};
  for (const int passing : kPassing) {
    if (passing == server_code) return true;
  }
  return false;
}

ErrorKind kind_of(int server_code) {
  switch (server_code) {
    case code::kUnauthorized:
    case code::kAuthenticationFailed:
      return ErrorKind::kDenied;
    case code::kNamespaceNotFound:
      return ErrorKind::kNotFound;
    case code::kNamespaceExists:
      return ErrorKind::kExists;
    case code::kOutOfDiskSpace:
      return ErrorKind::kNoSpace;
    case code::kMajorityReadsOff:
      return ErrorKind::kUnsupported;
    default:
      return may_pass(server_code) ? ErrorKind::kUnavailable : ErrorKind::kInternal;
  }
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  if (what.empty()) return;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

/// A refusal quotes the whole command with session and signature; its first field tells enough.
std::string shortened(std::string_view words) {
  constexpr std::string_view kQuote = "to execute command { ";
  const size_t quote = words.find(kQuote);
  const size_t first_end = quote == std::string_view::npos ? quote : words.find(',', quote);
  return first_end == std::string_view::npos ? std::string(words) : std::string(words.substr(0, first_end)) + " ... }";
}

}  // namespace

Error server_error(const std::string& host, int server_code, std::string_view words) {
  Error error = Error(kind_of(server_code), host + ": " + shortened(words)).with_code(server_code);
  if (server_code == code::kMajorityReadsOff) {
    error.hint("this member runs with enableMajorityReadConcern: false, so what it reads may be rolled back");
    error.hint("turn that off in its configuration, or name another member with --member");
  }
  return error;
}

Error unreachable(const std::string& host, std::string_view words) {
  return Error(ErrorKind::kUnavailable, "cannot reach " + host + ": " + std::string(words));
}

Error login_refused(const std::string& host, const std::string& user, std::string_view words) {
  const std::string whom = user.empty() ? "the login" : "the login of user '" + user + "'";
  return Error(ErrorKind::kDenied, host + " refused " + whom + ": " + std::string(words))
      .with_code(code::kAuthenticationFailed)
      .hint(
          "if name and password are right, the user may live in another database: authSource=DATABASE in the "
          "connection string, mostly authSource=admin");
}

std::string selection_words(std::string_view driver_message) {
  const size_t open = driver_message.find('[');
  const size_t close = driver_message.rfind(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::string(driver_message.substr(0, driver_message.find(" (`serverSelectionTryOnce`")));
  }
  return std::string(driver_message.substr(open + 1, close - open - 1));
}

std::string without_secret(std::string text, const std::string& secret) {
  replace_all(text, secret, "***");
  replace_all(text, percent_encode(secret), "***");
  return text;
}

Status check_write_reply(const std::string& host, bson::View reply) {
  if (const auto failed = reply.document("writeConcernError")) {
    const auto number = static_cast<int>(failed->int64("code").value_or(code::kWriteConcernFailed));
    return fail(server_error(host, number, failed->string("errmsg").value_or("the write was not confirmed")));
  }
  return {};
}

}  // namespace varve::mongo
