#pragma once

#include <string>

#include "repo/tree.h"

namespace varve::cli {

/// "drwxr-xr-x", as Go prints a file mode.
std::string mode_text(uint32_t mode);
/// The path, or with `details` what restic's `ls -l` has before it.
std::string node_line(const std::string& path, const repo::Node& node, bool details, bool human);
/// restic's objects of `ls --json` and of a match of `find --json`, without a line end.
std::string ls_node_json(const std::string& path, const repo::Node& node);
std::string find_node_json(const std::string& path, const repo::Node& node);

}  // namespace varve::cli
