#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/reporter.h"
#include "base/result.h"

namespace varve::cli {

/// 0, 1, 3, 10, 11, 12, 130: the README says what each means; restic's where the meaning is the same.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kIncomplete = 3,
  kNoRepositoryCode = 10,
  kLockedCode = 11,
  kWrongPasswordCode = 12,
  kInterrupted = 130
};
int exit_code_for(ErrorKind kind);

/// Where everything goes that the program says. The result goes to standard output; progress, notes, warnings and
/// errors to standard error, except in JSON, where status and warnings are lines of standard output too, as restic's
/// are. A terminal gets one live line, redrawn at most ten times a second; a pipe gets a plain line every ten seconds.
/// Thread-safe.
class Output final : public Reporter {
 public:
  Output();
  ~Output() override;

  void set_json(bool json) { json_ = json; }
  void set_quiet(bool quiet) { quiet_ = quiet; }
  bool json() const { return json_; }

  void progress(const Progress& progress) override;
  /// The same, with fields of the command's own in JSON.
  void progress(const Progress& progress, const std::function<nlohmann::ordered_json()>& fields);
  void note(std::string_view sentence) override;
  void warning(std::string_view sentence) override;
  /// One that may come after the summary, which is the last line of standard output in JSON.
  void late_warning(std::string_view sentence);
  void item_failed(std::string_view during, std::string_view item, std::string_view reason) override;

  /// One line of the result. In JSON mode text is not shown, and the other way round.
  void line(std::string_view text);
  void object(const nlohmann::ordered_json& object);
  /// The same for results of very many lines: written when enough has gathered.
  void row(std::string_view text);
  /// Bytes of standard output as they are, in either mode.
  void raw(std::string_view bytes);
  /// The same; an error if what was written so far is lost, so that nobody makes more of it. finish() says it.
  Status write(std::string_view bytes);
  /// Whether a part of the result could not be written.
  bool lost();
  /// Somebody else who writes to standard output has met that: the same error.
  Status lose(int error);
  /// What went wrong with one thing while the rest goes on; on standard error, in JSON too, as restic does.
  void problem(std::string_view during, std::string_view item, const Error& error);
  /// The error that ends the program, with its hints; gives the exit code.
  int error(const Error& error);
  /// How far it is by now, asked for by a signal: a line on standard error, although quiet; in JSON the next status
  /// comes at once.
  void show_status();
  /// Takes the live line away, before the result is printed.
  void clear();
  /// The last word of the program: `code`, unless the result could not all be written. That is an error; but where the
  /// reader of a pipe has left, the program is ended by SIGPIPE, as others are.
  int finish(int code);

 private:
  using Ticks = std::chrono::steady_clock::time_point;

  /// Remembers it for who asks. Whether it is time to show it; then it counts as shown.
  bool is_due(const Progress& progress, Ticks now);
  void draw(const Progress& progress, Ticks now);
  void clear_locked();
  std::string live_line(const Progress& progress, Ticks now) const;
  void status_object(const Progress& progress, Ticks now);
  void print_result(std::string_view line);
  void note_loss();

  std::mutex mutex_;
  bool json_ = false, quiet_ = false;
  const bool terminal_;
  bool drawn_ = false;
  bool asked_ = false;  ///< for a status
  Progress known_;      ///< the last
  const Ticks started_;
  Ticks last_{};
  int lost_ = 0;  ///< why standard output takes no more; 0 if it does
};

}  // namespace varve::cli
