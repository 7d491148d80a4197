#include "cli/local_time.h"

#include <ctime>

namespace varve::cli {

Result<Time> parse_local_time(const std::string& text) {
  std::tm local{};
  local.tm_isdst = -1;
  const char* end = strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &local);
  const int day = local.tm_mday;
  const std::time_t seconds = std::mktime(&local);
  if (end == nullptr || *end != '\0' || local.tm_mday != day) {  // a 31 of a shorter month would become another day
    return fail(Error(ErrorKind::kInvalidInput, "\"" + text + "\" is no time")
                    .hint("write it as 2026-11-21 10:15:02, in this machine's time zone"));
  }
  return Time(std::chrono::seconds(seconds));
}

}  // namespace varve::cli
