#include "files/sources.h"

#include <set>
#include <span>

#include <fmt/format.h>

#include "files/paths.h"
#include "storage/posix.h"

namespace varve::files {

namespace {

using storage::posix::names_in;

/// While paths are added: from which root a first name comes, so that those of different roots do not fall together.
struct Root {
  std::string of;
  Source source;
};
using Roots = std::map<std::string, Root>;

/// join_path, cleaned as filepath.Join does.
std::string joined(std::string_view folder, std::string_view name) {
  return clean_path(join_path(folder, name));
}

/// The names that a clean path leaves in the tree.
std::vector<std::string_view> tree_names(std::string_view path) {
  std::vector<std::string_view> names;
  for (const auto part : split_path(path)) {
    if (!part.empty() && part != "." && part != "..") names.push_back(part);
  }
  return names;
}

/// The folder in which the first of those names lies.
std::string root_of(std::string_view path) {
  if (path.starts_with('/')) return "/";
  std::string root = ".";
  for (const auto part : split_path(path)) {
    if (part == "..") root = joined(root, "..");
  }
  return root;
}

struct Listed {
  std::string path;
  bool is_named;
};

Status place(Source& at, const Listed& listed, std::span<const std::string_view> names, std::string folder) {
  if (names.empty()) {
    at.path = listed.path;
    at.is_named = listed.is_named;
    return {};
  }
  at.folder = std::move(folder);
  auto below = joined(at.folder, names[0]);
  return place(at.below[std::string(names[0])], listed, names.subspan(1), std::move(below));
}

Status add(Roots& roots, const Listed& listed) {
  const auto names = tree_names(listed.path);
  const auto root = root_of(listed.path);
  const std::string first(names.at(0));
  std::string name = first;
  for (int i = 1; roots.contains(name) && roots[name].of != root; ++i) name = fmt::format("{}-{}", first, i);
  auto& entry = roots[name];
  entry.of = root;
  return place(entry.source, listed, std::span(names).subspan(1), joined(root, first));
}

/// What a path without a name of its own stands for.
Result<std::vector<Listed>> listed_for(const std::string& path) {
  if (!tree_names(path).empty()) return std::vector<Listed>{{path, true}};
  TRY_ASSIGN(const auto names, names_in(path));
  std::vector<Listed> all;
  for (const auto& name : names) all.push_back({joined(path, name), false});
  return all;
}

/// A folder that is taken whole and has other paths below it becomes one of which everything is taken, name by name.
Status unroll(Source& source) {
  if (source.is_leaf() && !source.below.empty()) {
    TRY_ASSIGN(const auto names, names_in(source.path));
    for (const auto& name : names) {
      auto& below = source.below[name];
      if (!below.is_leaf()) below.path = joined(source.path, name);
    }
    source.path.clear();
    source.is_named = false;
  }
  for (auto& [name, below] : source.below) TRY(unroll(below));
  return {};
}

}  // namespace

Result<Source> arrange_sources(const std::vector<std::string>& paths) {
  Roots roots;
  std::set<std::string> seen;
  for (const auto& path : paths) {
    TRY_ASSIGN(const auto all, listed_for(clean_path(path)));
    for (const auto& listed : all) {
      if (seen.insert(listed.path).second) TRY(add(roots, listed));
    }
  }
  Source root;
  for (auto& [name, entry] : roots) root.below.emplace(name, std::move(entry.source));
  TRY(unroll(root));
  return root;
}

}  // namespace varve::files
