#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "repo/tree.h"

namespace varve::repo {

/// How a kind of node is named in a tree, and which bits Go's fs.FileMode has for it.
struct NodeKind {
  NodeType type;
  std::string_view name;
  uint32_t bits;
};

inline constexpr std::array<NodeKind, 7> kNodeKinds = {{
    {NodeType::kFile, "file", 0},
    {NodeType::kDir, "dir", 1u << 31},
    {NodeType::kSymlink, "symlink", 1u << 27},
    {NodeType::kDevice, "dev", 1u << 26},
    {NodeType::kCharDevice, "chardev", 1u << 26 | 1u << 21},
    {NodeType::kFifo, "fifo", 1u << 25},
    {NodeType::kSocket, "socket", 1u << 24},
}};

constexpr std::string_view type_name(NodeType type) {
  return kNodeKinds[static_cast<size_t>(type)].name;
}
constexpr uint32_t type_bits(NodeType type) {
  return kNodeKinds[static_cast<size_t>(type)].bits;
}
constexpr std::optional<NodeType> type_of(std::string_view name) {
  for (const auto& kind : kNodeKinds) {
    if (kind.name == name) return kind.type;
  }
  return std::nullopt;
}

}  // namespace varve::repo
