#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "cli/storage_options.h"

namespace varve::cli {

/// How long what is kept of a repository stays while nobody uses it.
inline constexpr std::chrono::days kCacheAge{30};

/// restic's folder for what is kept of repositories on a network, so that both use the same: --cache-dir,
/// RESTIC_CACHE_DIR, $XDG_CACHE_HOME/restic, ~/.cache/restic.
Result<std::string> cache_base(const StorageWords& words);

/// Removes what is kept of repositories that were not used for so long; how many that were.
Result<size_t> clean_cache(const std::string& base, std::chrono::seconds age);

}  // namespace varve::cli
