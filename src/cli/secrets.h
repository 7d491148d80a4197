#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mongo/uri.h"

namespace varve::cli {

/// A variable of the environment, VARVE_<name> before RESTIC_<name>; nothing if unset or empty.
std::optional<std::string> variable(const std::string& name);

/// What a file holds, without the white space around it, as restic reads passwords and places of repositories.
/// kInvalidInput if that is nothing.
Result<std::string> file_content(const std::string& path);
/// What a command prints, without the white space around it. kInvalidInput if it fails.
Result<std::string> command_output(const std::string& command);
/// Asks on the terminal without echo. Where standard input is none, its next line, as restic takes it; kInvalidInput if
/// there is none either.
Result<std::string> ask(const std::string& prompt);
/// The same for a new one, on a terminal twice.
Result<std::string> ask_for_new(const std::string& prompt);

/// Where a repository's password comes from, in this order; the names of variables have `prefix` put in: "", "FROM_" or
/// "ALSO_".
struct PasswordOptions {
  std::string file, command;
  std::string prefix;
  bool none = false;           ///< it is empty: the user says so, and no other is named
  bool stdin_is_data = false;  ///< so no password stands there
  bool is_new = false;
};
Result<std::string> repository_password(const PasswordOptions& options, const std::string& prompt);

/// A MongoDB URI as given: itself, @FILE, or empty for --uri-file, VARVE_URI. A user without password gets one from
/// VARVE_MONGO_PASSWORD, VARVE_MONGO_PASSWORD_FILE or --mongo-password-command.
struct UriOptions {
  std::string given, file, password_command;
};
Result<mongo::Uri> resolve_uri(const UriOptions& options, const std::string& purpose);

/// Overwrites passwords in URIs among the program's arguments, so that no process list shows them. True if there were
/// any.
bool hide_passwords(int argc, char** argv);

}  // namespace varve::cli
