#include "cli/cache_base.h"

#include <cstdlib>

#include "cli/secrets.h"
#include "storage/cache_folder.h"

namespace varve::cli {

Result<std::string> cache_base(const StorageWords& words) {
  if (!words.cache_folder.empty()) return words.cache_folder;
  if (const auto folder = variable("CACHE_DIR")) return *folder;
  // The specification has relative paths ignored.
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
    return std::string(cache) + "/restic";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::string(home) + "/.cache/restic";
  return fail(Error(ErrorKind::kNotFound, "there is no home for a cache")
                  .hint("--cache-dir DIR, RESTIC_CACHE_DIR or HOME gives one"));
}

Result<size_t> clean_cache(const std::string& base, std::chrono::seconds age) {
  size_t removed = 0;
  const auto before = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) - age;
  TRY_ASSIGN(const auto found, storage::cached_repositories(base));
  for (const auto& one : found) {
    if (one.used >= before) continue;
    TRY(storage::remove_cached(base, one.name));
    ++removed;
  }
  return removed;
}

}  // namespace varve::cli
