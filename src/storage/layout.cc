#include "storage/layout.h"

#include <algorithm>

namespace varve::storage {

std::string_view folder_of(FileType type) {
  switch (type) {
    case FileType::kConfig:
      break;
    case FileType::kKey:
      return "keys";
    case FileType::kLock:
      return "locks";
    case FileType::kSnapshot:
      return "snapshots";
    case FileType::kIndex:
      return "index";
    case FileType::kPack:
      return "data";
  }
  return {};
}

std::string relative_path(const Handle& handle) {
  if (handle.type == FileType::kConfig) return "config";
  const std::string name = handle.id.hex();
  std::string path(folder_of(handle.type));
  if (handle.type == FileType::kPack) path += '/' + name.substr(0, 2);
  return path + '/' + name;
}

std::optional<Id> id_of_name(std::string_view name) {
  const auto id = Id::parse(name);
  if (!id || id->hex() != name) return std::nullopt;
  return id;
}

std::optional<std::string> key_prefix(std::string_view folder) {
  std::string out = folder.starts_with('/') ? "/" : "";
  while (!folder.empty()) {
    const auto part = folder.substr(0, folder.find('/'));
    folder.remove_prefix(std::min(part.size() + 1, folder.size()));
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") out += std::string(part) + '/';
  }
  return out;
}

}  // namespace varve::storage
