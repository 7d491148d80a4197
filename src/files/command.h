#pragma once

#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/cancel.h"
#include "storage/posix.h"

namespace varve::files {

/// Reads what is there, waiting for the first byte; 0 is the end. Wakes up when cancelled.
Result<size_t> read_stream(int fd, std::span<uint8_t> into, const Cancel& cancel);

/// A program whose standard output is read. Its standard error is ours, its standard input empty. If it still runs when
/// this goes, it is ended: asked to, and two seconds later killed.
class Command {
 public:
  /// `words` are the program, looked for on the PATH, and its arguments.
  static Result<Command> start(const std::vector<std::string>& words);
  ~Command();
  Command(Command&& other) noexcept;
  Command& operator=(Command&&) = delete;

  int output() const { return output_.get(); }
  /// Waits for its end after its output has ended. An error unless it exits with 0.
  Status finish(const Cancel& cancel);

 private:
  Command(std::string name, pid_t pid, storage::posix::Fd output)
      : name_(std::move(name)), pid_(pid), output_(std::move(output)) {}

  std::string name_;
  pid_t pid_;  ///< 0 once it has ended
  storage::posix::Fd output_;
};

}  // namespace varve::files
