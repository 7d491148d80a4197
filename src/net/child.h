#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/cancel.h"
#include "base/fd.h"

namespace varve::net {

struct ChildSetup {
  std::vector<std::string> words;  ///< the program, looked for on the PATH; its arguments
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< beside our own
  /// It is talked to over its channel, and ends when that does. It may ask for a password on our terminal, which a
  /// program in a process group of its own must not; so Ctrl-C reaches it too, which it is made to ignore.
  bool converses = false;
};

/// A program that serves us and ends with us, even if we are killed: we talk to it over `channel`, which is its
/// standard input and output, and keep the end of what it writes to its standard error. Its environment is ours
/// without restic's variables and our own, in which passwords are. Thread-safe.
class Child {
 public:
  /// kInvalidInput if there is no such program, kUnavailable where the machine has no room for it now.
  static Result<std::unique_ptr<Child>> start(const ChildSetup& setup);
  /// Closes the channel and waits a little if it converses; then asks it to end, and two seconds later kills it: with
  /// all that it started, if it does not converse.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// A stream socket, not blocking; its peer is the program.
  int channel() const { return channel_.get(); }
  /// What it wrote to its standard error, in one line, or the last 2 KiB of it.
  std::string complaints() const;
  /// For those that matter no more.
  void forget_complaints();
  /// Whether its complaints hold `words`, or it has ended, or the time is over; false in the last case.
  bool wait_for(const std::string& words, std::chrono::nanoseconds time, const Cancel& cancel) const;
  /// Such as "ended with status 255"; nothing while it runs.
  std::optional<std::string> end() const;
  /// Gives it a moment to say why it closed its output.
  void wait_for_end(std::chrono::nanoseconds time) const;
  pid_t pid() const { return pid_; }

 private:
  Child(Fd channel, Fd complaints, bool converses);
  struct Image;
  /// Starts it and reads what it complains of until it has ended. The kernel ends it with the thread that started it.
  void keep(const Image& image, Fd theirs, Fd their_complaints);
  void watch();
  void note(std::string_view text);
  void signal(int number);

  const Fd channel_, complaints_fd_;
  const bool converses_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  pid_t pid_ = 0;
  std::optional<int> start_error_;  ///< errno; 0 once it runs
  std::optional<int> status_;       ///< as waitpid gives it
  std::string complaints_;
  std::jthread keeper_;  // last: uses what stands above
};

}  // namespace varve::net
