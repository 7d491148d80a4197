#include "cli/state_folder.h"

#include <cstdlib>

namespace varve::cli {

std::string state_folder() {
  // The specification has relative paths ignored.
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::string(state) + "/varve";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return std::string(home) + "/.local/state/varve";
  }
  return "/var/lib/varve";
}

}  // namespace varve::cli
