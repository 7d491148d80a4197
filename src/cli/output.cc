#include "cli/output.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/format.h"
#include "cli/signals.h"

namespace varve::cli {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// False, with errno set, if it could not be written.
bool print(FILE* to, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fputc('\n', to) != EOF &&
         std::fflush(to) == 0;
}

/// A line that nobody can be told of if it is lost.
void complain(std::string_view text) {
  (void)print(stderr, text);
}

/// Names may hold any byte; what cannot be UTF-8 is replaced rather than thrown upon.
std::string dump(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// As restic says it of one thing of many.
std::string item_error(std::string_view during, std::string_view item, std::string_view reason) {
  return dump({{"message_type", "error"}, {"error", {{"message", reason}}}, {"during", during}, {"item", item}});
}

/// Control characters out of a database must not steer the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

double fraction(const Progress& p) {
  if (p.bytes_total > 0) return std::min(1.0, static_cast<double>(p.bytes) / static_cast<double>(p.bytes_total));
  if (p.items_total > 0) return std::min(1.0, static_cast<double>(p.items) / static_cast<double>(p.items_total));
  return 0;
}

}  // namespace

int exit_code_for(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kNoRepository:
      return kNoRepositoryCode;
    case ErrorKind::kLocked:
      return kLockedCode;
    case ErrorKind::kWrongPassword:
      return kWrongPasswordCode;
    case ErrorKind::kCancelled:
      return kInterrupted;
    default:
      return kFailed;
  }
}

Output::Output() : terminal_(isatty(STDERR_FILENO) == 1), started_(std::chrono::steady_clock::now()) {
  on_status_signal([this] { show_status(); });
}

Output::~Output() {
  on_status_signal({});
  clear();
}

bool Output::is_due(const Progress& progress, Ticks now) {
  known_ = progress;
  if (asked_ && json_) {
    asked_ = false;
    return true;
  }
  if (quiet_) return false;
  const auto interval = json_ ? milliseconds(1000) : terminal_ ? milliseconds(100) : milliseconds(10'000);
  // A pipe's first line comes after a full interval: short runs need none.
  const auto since = last_ == Ticks{} && !terminal_ ? started_ : last_;
  if (now - since < interval) return false;
  last_ = now;
  return true;
}

void Output::show_status() {
  std::lock_guard lock(mutex_);
  asked_ = true;
  if (json_) return;
  clear_locked();
  complain(live_line(known_, std::chrono::steady_clock::now()));
}

void Output::progress(const Progress& progress) {
  std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!is_due(progress, now)) return;
  if (json_) {
    status_object(progress, now);
  } else {
    draw(progress, now);
  }
}

void Output::progress(const Progress& progress, const std::function<nlohmann::ordered_json()>& fields) {
  std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!is_due(progress, now)) return;
  if (!json_) return draw(progress, now);
  nlohmann::ordered_json status = {{"message_type", "status"},
                                   {"action", progress.action},
                                   {"seconds_elapsed", std::chrono::duration_cast<seconds>(now - started_).count()},
                                   {"percent_done", fraction(progress)}};
  status.update(fields());
  print_result(dump(status));
}

void Output::draw(const Progress& progress, Ticks now) {
  auto text = live_line(progress, now);
  if (!terminal_) return complain(text);
  if (const size_t width = terminal_width(); text.size() >= width) text.resize(width - 1);
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

std::string Output::live_line(const Progress& p, Ticks now) const {
  const auto elapsed = now - started_;
  const double done = fraction(p);
  const double rate = static_cast<double>(p.bytes) / std::max(0.001, std::chrono::duration<double>(elapsed).count());
  std::string text = fmt::format("[{}] {:3.0f}%  {}", format_clock(elapsed), done * 100, printable(p.item));
  if (p.files > 0 || p.files_total > 0) text += "  " + plural(p.files, "file");
  if (p.errors > 0) text += "  " + plural(p.errors, "error");
  if (p.documents > 0) text += fmt::format("  {} docs", format_short_count(p.documents));
  text += fmt::format("  {}  {}/s", format_size(p.bytes), format_size(static_cast<uint64_t>(rate)));
  if (const auto decided = p.bytes_new + p.bytes_known; decided > 0) {
    text += fmt::format("  dedup {}%", p.bytes_known * 100 / decided);
  }
  if (done > 0.01 && done < 1) {
    const auto left = std::chrono::duration<double>(elapsed) * (1 / done - 1);
    text += fmt::format("  {} left", format_clock(std::chrono::duration_cast<std::chrono::nanoseconds>(left)));
  }
  return text;
}

void Output::status_object(const Progress& p, Ticks now) {
  nlohmann::ordered_json status = {
      {"message_type", "status"},
      {"action", p.action},
      {"seconds_elapsed", std::chrono::duration_cast<seconds>(now - started_).count()},
      {"percent_done", fraction(p)},
      {"total_bytes", p.bytes_total},
      {"bytes_done", p.bytes},
      {"documents_done", p.documents},
      {"current_files", nlohmann::ordered_json::array({p.item})},
  };
  if (p.files > 0 || p.files_total > 0) {
    status["total_files"] = p.files_total;
    status["files_done"] = p.files;
  }
  if (p.errors > 0) status["error_count"] = p.errors;
  print_result(dump(status));
}

void Output::clear_locked() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
  std::fflush(stderr);
}

void Output::clear() {
  std::lock_guard lock(mutex_);
  clear_locked();
}

void Output::note(std::string_view sentence) {
  if (quiet_ || json_) return;
  std::lock_guard lock(mutex_);
  clear_locked();
  complain(printable(sentence));
}

void Output::warning(std::string_view sentence) {
  std::lock_guard lock(mutex_);
  clear_locked();
  if (json_) return print_result(dump({{"message_type", "warning"}, {"message", sentence}}));
  complain("warning: " + printable(sentence));
}

void Output::late_warning(std::string_view sentence) {
  if (!json_) return warning(sentence);
  std::lock_guard lock(mutex_);
  complain(dump({{"message_type", "warning"}, {"message", sentence}}));
}

/// restic prints these to standard error, in JSON too.
void Output::item_failed(std::string_view during, std::string_view item, std::string_view reason) {
  if (!json_) return warning(std::string(item) + ": " + std::string(reason));
  std::lock_guard lock(mutex_);
  complain(item_error(during, item, reason));
}

void Output::line(std::string_view text) {
  if (json_) return;
  std::lock_guard lock(mutex_);
  clear_locked();
  print_result(printable(text));
}

void Output::row(std::string_view text) {
  if (!json_) raw(printable(text) + "\n");
}

void Output::raw(std::string_view bytes) {
  std::lock_guard lock(mutex_);
  if (drawn_) clear_locked();
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) note_loss();
}

Status Output::write(std::string_view bytes) {
  raw(bytes);
  return lost() ? lose(0) : Status{};
}

Status Output::lose(int error) {
  std::lock_guard lock(mutex_);
  if (lost_ == 0) lost_ = error;
  return fail(ErrorKind::kUnavailable, "standard output takes no more");
}

bool Output::lost() {
  std::lock_guard lock(mutex_);
  return lost_ != 0;
}

void Output::print_result(std::string_view line) {
  if (!print(stdout, line)) note_loss();
}

void Output::note_loss() {
  if (lost_ == 0) lost_ = errno != 0 ? errno : EIO;
}

void Output::object(const nlohmann::ordered_json& object) {
  if (!json_) return;
  std::lock_guard lock(mutex_);
  print_result(dump(object));
}

void Output::problem(std::string_view during, std::string_view item, const Error& error) {
  std::lock_guard lock(mutex_);
  clear_locked();
  if (json_) return complain(item_error(during, item, error.message()));
  complain("error: " + printable(item) + ": " + printable(error.message()));
  for (const auto& hint : error.hints()) complain("  " + printable(hint));
}

int Output::error(const Error& error) {
  std::lock_guard lock(mutex_);
  clear_locked();
  const int code = exit_code_for(error.kind());
  if (json_) {
    nlohmann::ordered_json object = {{"message_type", "exit_error"}, {"code", code}, {"message", error.message()}};
    if (!error.hints().empty()) object["hints"] = error.hints();
    complain(dump(object));
    return code;
  }
  complain("error: " + printable(error.message()));
  for (const auto& hint : error.hints()) complain("  " + printable(hint));
  return code;
}

int Output::finish(int code) {
  int lost = 0;
  {
    std::lock_guard lock(mutex_);
    clear_locked();
    if (std::fflush(stdout) != 0) note_loss();
    const int copy = dup(STDOUT_FILENO);
    if (copy >= 0 && close(copy) != 0) note_loss();  // some file systems tell only now
    lost = lost_;
  }
  if (lost == 0) return code;
  if (lost == EPIPE) {
    if (code > kIncomplete) return code;
    end_by_broken_pipe();
  }
  const int failed = error(system_error("cannot write to standard output", lost));
  return code == kOk || code == kIncomplete ? failed : code;
}

}  // namespace varve::cli
