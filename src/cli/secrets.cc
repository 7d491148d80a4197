#include "cli/secrets.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <poll.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/signals.h"
#include "cli/text_file.h"
#include "codec/utf8.h"

namespace varve::cli {

namespace {

/// The password's place in "scheme://user:password@...", if there is one.
std::optional<std::pair<size_t, size_t>> password_span(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const auto begin = scheme + 3;
  const auto end = text.find_first_of("/?", begin);
  const auto authority = text.substr(begin, end == std::string_view::npos ? end : end - begin);
  // A password that was not escaped may hold '@' or '/', so the last '@' of the whole text counts where the authority
  // has none.
  auto at = authority.rfind('@');
  if (at == std::string_view::npos) at = text.substr(begin).rfind('@');
  const auto colon = text.find(':', begin);
  if (at == std::string_view::npos || colon == std::string_view::npos || colon > begin + at) return std::nullopt;
  return std::pair(colon + 1, begin + at);
}

class EchoOff {
 public:
  EchoOff() {
    tcgetattr(STDIN_FILENO, &before_);
    auto quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~EchoOff() { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  termios before_{};
};

Result<std::string> mongo_password(const std::string& command) {
  if (!command.empty()) return command_output(command);
  if (const char* value = std::getenv("VARVE_MONGO_PASSWORD"); value && *value) return std::string(value);
  if (const char* file = std::getenv("VARVE_MONGO_PASSWORD_FILE"); file && *file) return file_content(file);
  return std::string();
}

/// The first line that holds anything: what follows a URI may be remarks.
Result<std::string> uri_in(const std::string& path) {
  TRY_ASSIGN(const auto content, file_content(path));
  return std::string(codec::trimmed(std::string_view(content).substr(0, content.find('\n'))));
}

}  // namespace

std::optional<std::string> variable(const std::string& name) {
  for (const char* prefix : {"VARVE_", "RESTIC_"}) {
    const char* value = std::getenv((prefix + name).c_str());
    if (value && *value) return std::string(value);
  }
  return std::nullopt;
}

Result<std::string> file_content(const std::string& path) {
  TRY_ASSIGN(const auto text, read_text_file(path));
  const auto content = codec::trimmed(text);
  if (content.empty()) return fail(ErrorKind::kInvalidInput, path + " is empty");
  return std::string(content);
}

Result<std::string> command_output(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "re"), pclose);
  if (!pipe) return fail(system_error("cannot run the password command", errno));
  std::string output;
  char buffer[256];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe.get())) output.append(buffer, got);
  const int status = pclose(pipe.release());
  if (status != 0) {
    return fail(ErrorKind::kUnavailable, "the password command failed with exit code " +
                                             std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1));
  }
  return std::string(codec::trimmed(output));
}

namespace {

Error no_password() {
  return Error(ErrorKind::kInvalidInput, "no password was given and there is no terminal to ask on");
}

/// Waits for standard input, which may never come, for as long as nobody wants the program to stop.
Status await_input() {
  constexpr int kLookMs = 100;
  const auto stop = stop_by_signal();
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (poll(&input, 1, kLookMs) == 0) TRY(stop.check());
  return {};
}

/// Without its end, and nothing of what follows it. Nothing if standard input has ended, or its line is longer than any
/// password.
Result<std::optional<std::string>> next_line() {
  constexpr size_t kLongest = 64u << 10;
  std::string line;
  for (char c = 0; c != '\n';) {
    TRY(await_input());
    const auto got = ::read(STDIN_FILENO, &c, 1);
    if (got <= 0 && line.empty()) return std::nullopt;
    if (got <= 0) break;
    if (line.size() == kLongest) return std::nullopt;
    if (c != '\n') line.push_back(c);
  }
  return line;
}

}  // namespace

Result<std::string> ask(const std::string& prompt) {
  if (isatty(STDIN_FILENO) == 0) {
    std::fputs((prompt + ", from standard input\n").c_str(), stderr);
    TRY_ASSIGN(auto line, next_line());
    if (!line) return fail(no_password());
    if (line->ends_with('\r')) line->pop_back();
    return *line;
  }
  Result<std::optional<std::string>> line;
  {
    EchoOff quiet;  // before the prompt, since it throws away what was typed so far
    std::fputs((prompt + ": ").c_str(), stderr);
    std::fflush(stderr);
    line = next_line();
  }
  std::fputc('\n', stderr);
  if (!line) return fail(line.error());
  return line->value_or("");
}

Result<std::string> ask_for_new(const std::string& prompt) {
  TRY_ASSIGN(auto password, ask(prompt));
  if (isatty(STDIN_FILENO) == 0) return password;
  TRY_ASSIGN(const auto again, ask("the same again"));
  if (again != password) return fail(ErrorKind::kInvalidInput, "the two passwords differ; nothing was done");
  return password;
}

namespace {

/// Nothing if no word and no variable names one.
std::optional<Result<std::string>> named_password(const PasswordOptions& options) {
  if (!options.file.empty()) return file_content(options.file);
  if (!options.command.empty()) return command_output(options.command);
  if (const auto file = variable(options.prefix + "PASSWORD_FILE")) return file_content(*file);
  if (const auto command = variable(options.prefix + "PASSWORD_COMMAND")) return command_output(*command);
  if (const auto password = variable(options.prefix + "PASSWORD")) return *password;
  return std::nullopt;
}

Result<std::string> not_empty(Result<std::string> password) {
  if (!password || !password->empty()) return password;
  return fail(Error(ErrorKind::kInvalidInput, "the password is empty")
                  .hint("--insecure-no-password is for a repository that has none and that everybody may read"));
}

/// The words and variables of a repository go by its prefix.
std::string where_it_can_be(const std::string& prefix) {
  std::string word = prefix;
  for (auto& c : word) c = c == '_' ? '-' : static_cast<char>(c - 'A' + 'a');
  return "--" + word + "password-file, RESTIC_" + prefix + "PASSWORD_FILE or RESTIC_" + prefix +
         "PASSWORD_COMMAND name where it is";
}

}  // namespace

Result<std::string> repository_password(const PasswordOptions& options, const std::string& prompt) {
  auto named = named_password(options);
  if (options.none && named) {
    return fail(ErrorKind::kInvalidInput, "a password was given, and with --insecure-no-password there is none");
  }
  if (options.none) return std::string();
  if (named) return not_empty(std::move(*named));
  const bool data = options.stdin_is_data && isatty(STDIN_FILENO) == 0;
  auto asked = data ? Result<std::string>(fail(no_password())) : options.is_new ? ask_for_new(prompt) : ask(prompt);
  if (asked) return not_empty(std::move(asked));
  if (asked.error().kind() == ErrorKind::kInvalidInput) {
    return fail(std::move(asked).error().hint(where_it_can_be(options.prefix)));
  }
  return asked;
}

Result<mongo::Uri> resolve_uri(const UriOptions& options, const std::string& purpose) {
  std::string text = options.given;
  if (text.starts_with('@')) {
    TRY_ASSIGN(text, uri_in(text.substr(1)));
  } else if (text.empty() && !options.file.empty()) {
    TRY_ASSIGN(text, uri_in(options.file));
  } else if (const char* from_environment = std::getenv("VARVE_URI"); text.empty() && from_environment) {
    text = from_environment;
  }
  if (text.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "no server was named " + purpose)
                    .hint("give a URI, mongodb://HOST[:PORT][,HOST...]/?replicaSet=NAME, or @FILE with one in it"));
  }
  TRY_ASSIGN(auto uri, mongo::Uri::parse(text));
  TRY_ASSIGN(const auto password, mongo_password(options.password_command));
  return password.empty() ? uri : uri.with_password(password);
}

bool hide_passwords(int argc, char** argv) {
  bool hidden = false;
  for (int i = 1; i < argc; ++i) {
    const auto span = password_span(argv[i]);
    if (!span) continue;
    std::memset(argv[i] + span->first, '*', span->second - span->first);
    hidden = true;
  }
  return hidden;
}

}  // namespace varve::cli
