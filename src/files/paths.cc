#include "files/paths.h"

#include <filesystem>

namespace varve::files {

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

std::string clean_path(std::string_view path) {
  const bool rooted = path.starts_with('/');
  std::vector<std::string_view> kept;
  for (const auto part : split_path(path)) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!rooted) {
      kept.push_back(part);
    }
  }
  std::string out = rooted ? "/" : "";
  for (const auto part : kept) {
    if (!out.empty() && out.back() != '/') out += '/';
    out += part;
  }
  return out.empty() ? "." : out;
}

std::string absolute_path(std::string_view path, std::string_view folder) {
  return clean_path(path.starts_with('/') ? std::string(path) : join_path(folder, path));
}

Result<std::string> working_folder_path() {
  std::error_code error;
  const auto path = std::filesystem::current_path(error);
  if (error) return fail(system_error("cannot tell the working folder", error.value()));
  return path.string();
}

std::string join_path(std::string_view folder, std::string_view name) {
  std::string out(folder);
  if (!out.ends_with('/')) out += '/';
  return out.append(name);
}

}  // namespace varve::files
