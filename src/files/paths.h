#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace varve::files {

/// The shortest path that means the same by its words alone, as Go's filepath.Clean: no double slashes, no `.`, no
/// `x/..`, no slash at the end; "." for nothing.
std::string clean_path(std::string_view path);
/// `path`, or below the working directory `folder` if it is relative; cleaned.
std::string absolute_path(std::string_view path, std::string_view folder);
/// "a/b", "c" -> "a/b/c"; only "/" ends in a slash.
std::string join_path(std::string_view folder, std::string_view name);
/// Of this process.
Result<std::string> working_folder_path();
/// What lies between the slashes. An absolute path begins with an empty component, as in strings.Split.
std::vector<std::string_view> split_path(std::string_view path);

}  // namespace varve::files
