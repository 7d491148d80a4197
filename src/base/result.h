#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace varve {

/// What kind of thing went wrong; decides the exit code and whether a caller can go on.
enum class ErrorKind : uint8_t {
  kInvalidInput,   ///< the user's words or settings are unusable
  kNotFound,       ///< a named thing does not exist
  kExists,         ///< a thing is there that must not be
  kDenied,         ///< no right to do it: login, privileges, file modes
  kWrongPassword,  ///< no key of the repository opens with this password
  kNoRepository,   ///< there is no repository at that place
  kLocked,         ///< somebody else holds a lock that excludes us, or we have lost ours
  kUnavailable,    ///< a server or store did not answer, or not in time; trying again may help
  kNoSpace,        ///< the disk or quota is full
  kCorrupt,        ///< bytes that cannot be what was written
  kUnsupported,    ///< understood, but not something this version does
  kInconsistent,   ///< the source changed in a way that spoils the result
  kCancelled,      ///< asked to stop
  kInternal,       ///< a defect of varve
};

/// An error for people: what happened, to what, and what to do next. The cause given by a server or the system is
/// quoted in the message, never replaced. A value type; safe to copy between threads.
class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  /// One sentence, without a final full stop.
  const std::string& message() const { return message_; }
  /// What the user can do, one line each; may be empty.
  const std::vector<std::string>& hints() const { return hints_; }

  /// The peer's own number for it (a server's error code); 0 if there is none.
  int code() const { return code_; }

  Error&& with_code(int code) && {
    code_ = code;
    return std::move(*this);
  }
  Error& hint(std::string line) & {
    hints_.push_back(std::move(line));
    return *this;
  }
  Error&& hint(std::string line) && { return std::move(hint(std::move(line))); }
  /// Puts "context: " before the message: what was being done, or to what.
  Error&& within(std::string_view context) && {
    message_.insert(0, std::string(context) + ": ");
    return std::move(*this);
  }

 private:
  ErrorKind kind_;
  std::string message_;
  std::vector<std::string> hints_;
  int code_ = 0;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

using tl::unexpected;

/// Whether it is not one piece of work that failed, but all must end: somebody asked for it, or the lock was lost.
inline bool is_stop(const Error& error) {
  return error.kind() == ErrorKind::kCancelled || error.kind() == ErrorKind::kLocked;
}

/// The short way to return an error: `return fail(ErrorKind::kCorrupt, "...")`.
inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error(kind, std::move(message)));
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

/// A problem with the operating system's own words, e.g. system_error("cannot open /x", errno). ENOSPC and EDQUOT
/// become kNoSpace, EACCES and EPERM kDenied, ENOENT kNotFound, EEXIST kExists, anything else kUnavailable.
Error system_error(std::string_view what, int error_number);

/// What an exception that nobody expected means: std::bad_alloc that memory has run out, any other one a defect.
Error exception_error(const std::exception& exception);

}  // namespace varve

#define VARVE_CONCAT_INNER(a, b) a##b
#define VARVE_CONCAT(a, b) VARVE_CONCAT_INNER(a, b)

/// Returns the error of a Result from the enclosing function; the value is dropped.
#define TRY(expression)                                                      \
  do {                                                                       \
    auto&& try_result = (expression);                                        \
    if (!try_result) return ::tl::unexpected(std::move(try_result).error()); \
  } while (false)

/// TRY_ASSIGN(auto x, f()): declares or assigns x from the value, or returns the error.
#define TRY_ASSIGN(target, expression) TRY_ASSIGN_AS(target, expression, VARVE_CONCAT(try_result_, __LINE__))
#define TRY_ASSIGN_AS(target, expression, temporary)                     \
  auto&& temporary = (expression);                                       \
  if (!temporary) return ::tl::unexpected(std::move(temporary).error()); \
  target = std::move(*temporary)
