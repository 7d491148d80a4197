#include "files/expand.h"

#include "files/open_source.h"
#include "files/paths.h"
#include "files/wildcard.h"

namespace varve::files {

namespace {

std::string below(const std::string& folder, std::string_view name) {
  return folder.empty() ? std::string(name) : join_path(folder, name);
}

std::vector<std::string> matching(const std::string& folder, const Wildcard& wildcard) {
  std::vector<std::string> paths;
  const auto names = storage::posix::names_in(folder.empty() ? "." : folder);
  if (!names) return paths;
  for (const auto& name : *names) {
    if (wildcard.matches(name)) paths.push_back(below(folder, name));
  }
  return paths;
}

}  // namespace

Result<std::vector<std::string>> expand(const std::string& pattern) {
  std::vector<std::string> paths = {pattern.starts_with('/') ? "/" : ""};
  for (const auto part : split_path(pattern)) {
    if (part.empty()) continue;
    std::vector<std::string> next;
    const bool is_plain = part.find_first_of("*?[\\") == std::string_view::npos;
    auto wildcard = Wildcard::parse(part);
    if (!wildcard) return fail(std::move(wildcard).error().within("'" + pattern + "' is not a pattern"));
    for (const auto& folder : paths) {
      if (is_plain) {
        next.push_back(below(folder, part));
      } else {
        for (auto& path : matching(folder, *wildcard)) next.push_back(std::move(path));
      }
    }
    paths = std::move(next);
  }
  std::erase_if(paths, [](const std::string& path) { return path.empty() || !look_at(path); });
  return paths;
}

}  // namespace varve::files
