#pragma once

#include <string>

namespace varve::cli {

/// Where varve keeps what outlives a run but is in no repository: $XDG_STATE_HOME/varve, ~/.local/state/varve where
/// that is not set, and the system's folder for that where there is no home either. It need not exist.
std::string state_folder();

}  // namespace varve::cli
