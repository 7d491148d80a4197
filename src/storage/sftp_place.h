#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace varve::storage {

/// restic's -o sftp.command and -o sftp.args.
struct SftpSettings {
  std::string command;  ///< in place of ssh and all that is said to it; not together with `args`
  std::string args;     ///< for ssh
};

/// A folder on a server that is reached by ssh.
struct SftpPlace {
  std::string user, host;  ///< the user may be empty: then ssh knows
  std::optional<uint16_t> port;
  std::string folder;  ///< without a slash at its end; relative to where the login begins, or absolute

  /// What follows "sftp:": [user@]host:folder, or //[user@]host[:port]/folder, of which the slash before a relative
  /// folder is no part. kInvalidInput if it is neither.
  static Result<SftpPlace> parse(std::string_view text);

  std::string location() const;
  std::string server() const { return user.empty() ? host : user + '@' + host; }
  /// What is to be run; its standard input and output are the server's. kInvalidInput for settings that are no words.
  Result<std::vector<std::string>> command(const SftpSettings& settings) const;
};

}  // namespace varve::storage
