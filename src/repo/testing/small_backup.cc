#include "repo/testing/small_backup.h"

#include <random>

#include <gtest/gtest.h>

#include "codec/sha256.h"

namespace varve::repo::testing {

namespace {

/// A folder that is being made: files by name, folders by name.
struct Folder {
  std::map<std::string, std::string> files;
  std::map<std::string, Folder> folders;
};

Folder arrange(const Files& files) {
  Folder root;
  for (const auto& [path, content] : files) {
    Folder* folder = &root;
    size_t begin = 0;
    for (size_t slash; (slash = path.find('/', begin)) != std::string::npos; begin = slash + 1) {
      folder = &folder->folders[path.substr(begin, slash - begin)];
    }
    folder->files[path.substr(begin)] = content;
  }
  return root;
}

Node node_of(const std::string& name, NodeType type, Time time) {
  Node node;
  node.name = name;
  node.type = type;
  node.mode = type == NodeType::kDir ? 0700 : 0600;
  node.mtime = node.atime = node.ctime = time;
  return node;
}

Result<Id> save_folder(Writer& writer, const Folder& folder, const BackupOptions& options) {
  std::map<std::string, Node> nodes;
  for (const auto& [name, content] : folder.files) {
    Node node = node_of(name, NodeType::kFile, options.time);
    node.size = content.size();
    for (size_t at = 0; at < content.size(); at += options.blob_size) {
      const auto piece = as_bytes(std::string_view(content).substr(at, options.blob_size));
      node.content.push_back(codec::sha256(piece));
      TRY(writer.save(BlobType::kData, to_bytes(piece), [](const Id&) {}));
    }
    nodes.emplace(name, std::move(node));
  }
  for (const auto& [name, child] : folder.folders) {
    Node node = node_of(name, NodeType::kDir, options.time);
    TRY_ASSIGN(node.subtree, save_folder(writer, child, options));
    nodes.emplace(name, std::move(node));
  }
  std::vector<Node> sorted;
  for (auto& [name, node] : nodes) sorted.push_back(std::move(node));
  TRY_ASSIGN(const auto json, encode_tree(sorted));
  TRY(writer.save(BlobType::kTree, to_bytes(as_bytes(json)), [](const Id&) {}));
  return codec::sha256(as_bytes(json));
}

Status read_folder(Repository& repository, const Id& tree, const std::string& path, Files& files) {
  TRY_ASSIGN(const auto nodes, repository.load_tree(tree, Cancel()));
  for (const auto& node : nodes) {
    if (node.type == NodeType::kDir) {
      TRY(read_folder(repository, *node.subtree, path + node.name + "/", files));
    } else if (node.type == NodeType::kFile) {
      TRY_ASSIGN(const auto content, read_file(repository, node, Cancel()));
      files[path + node.name] = as_text(content);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Repository> make_repository(std::shared_ptr<storage::Storage> storage) {
  auto made = Repository::init(std::move(storage), kPassword, std::nullopt, kCheapKey, Cancel());
  if (!made) {
    ADD_FAILURE() << made.error().message();
    std::abort();
  }
  return std::move(*made);
}

Result<std::unique_ptr<Repository>> open_repository(std::shared_ptr<storage::Storage> storage) {
  TRY_ASSIGN(auto repository, Repository::open(std::move(storage), kPassword, Cancel()));
  TRY(repository->load_index(Cancel()));
  return repository;
}

Result<Id> back_up(Repository& repository, const Files& files, const BackupOptions& options) {
  Snapshot snapshot;
  {
    Writer writer(repository, options.writer, Cancel());
    TRY_ASSIGN(snapshot.tree, save_folder(writer, arrange(files), options));
    TRY(writer.finish());
  }
  snapshot.time = options.time;
  snapshot.hostname = options.host;
  snapshot.paths = {"/mongodb/" + options.host};
  snapshot.tags = options.tags;
  snapshot.program_version = "varve test";
  return repository.save_snapshot(snapshot, Cancel());
}

Result<Files> read_back(Repository& repository, const Id& snapshot) {
  TRY_ASSIGN(const auto found, repository.find_snapshot(snapshot.hex(), {}, Cancel()));
  Files files;
  TRY(read_folder(repository, found.tree, "", files));
  return files;
}

std::string sample_text(size_t size, uint32_t seed) {
  std::minstd_rand random(seed + 1);
  std::string text;
  while (text.size() < size) {
    text +=
        "{\"_id\":" + std::to_string(random()) + ",\"city\":\"Basel\",\"n\":" + std::to_string(random() % 100) + "}\n";
  }
  text.resize(size);
  return text;
}

std::string sample_noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::string noise(size, '\0');
  for (char& c : noise) c = static_cast<char>(random() & 0xff);
  return noise;
}

}  // namespace varve::repo::testing
