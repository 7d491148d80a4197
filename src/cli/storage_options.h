#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace varve::storage {
struct OpenOptions;
}

namespace varve::cli {

class Output;

/// The options that say how a repository is reached.
struct StorageWords {
  std::string retry_for, authorities_file, certificate_file;
  std::vector<std::string> extended;  ///< KEY=VALUE, as restic's -o has them
  unsigned connections = 0;
  unsigned upload_limit = 0, download_limit = 0;  ///< KiB a second, as restic takes them
  bool any_certificate = false;
  std::string cache_folder;
  bool no_cache = false, clean_cache = false;
};

/// With what the environment adds. Logins are looked for under RESTIC_`prefix`... first ("", "FROM_" or "ALSO_"), so
/// that two repositories in one command can have one each.
Result<storage::OpenOptions> storage_options(const StorageWords& words, const std::string& prefix, Output& output);

}  // namespace varve::cli
