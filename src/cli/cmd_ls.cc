#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/context.h"
#include "cli/format.h"
#include "cli/snapshot_json.h"

namespace varve::cli {

namespace {

struct LsOptions {
  SnapshotOptions snapshot;
  std::string path;
  bool details = false;
};

const char* type_name(repo::NodeType type) {
  switch (type) {
    case repo::NodeType::kFile:
      return "file";
    case repo::NodeType::kDir:
      return "dir";
    case repo::NodeType::kSymlink:
      return "symlink";
    case repo::NodeType::kDevice:
      return "dev";
    case repo::NodeType::kCharDevice:
      return "chardev";
    case repo::NodeType::kFifo:
      return "fifo";
    case repo::NodeType::kSocket:
      return "socket";
  }
  return "";
}

class Lister {
 public:
  Lister(Output& output, const OpenRepository& repository, const LsOptions& options)
      : output_(output), repository_(repository), options_(options) {}

  Status list(const Id& tree, const std::string& prefix) {
    TRY_ASSIGN(const auto nodes, repository_->load_tree(tree, repository_.cancel));
    for (const auto& node : nodes) {
      const auto path = prefix + "/" + node.name;
      show(node, path);
      if (node.subtree) TRY(list(*node.subtree, path));
    }
    return {};
  }

  void show(const repo::Node& node, const std::string& path) {
    output_.line(options_.details ? fmt::format("{:03o}  {:>10}  {}  {}", node.mode & 0777, format_size(node.size),
                                                format_utc(node.mtime), path)
                                  : path);
    nlohmann::ordered_json object = {
        {"message_type", "node"}, {"struct_type", "node"}, {"name", node.name}, {"type", type_name(node.type)},
        {"path", path},           {"uid", node.uid},       {"gid", node.gid}};
    if (node.type == repo::NodeType::kFile) object["size"] = node.size;
    object["mode"] = node.mode;
    object["mtime"] = format_rfc3339(node.mtime);
    output_.object(object);
  }

 private:
  Output& output_;
  const OpenRepository& repository_;
  const LsOptions& options_;
};

Result<int> ls(Context& context, const LsOptions& options) {
  TRY_ASSIGN(const auto repository, context.open(Access::kRead, true));
  TRY_ASSIGN(const auto snapshot, find_snapshot(repository, options.snapshot));
  auto head = snapshot_json(snapshot);
  head["message_type"] = head["struct_type"] = "snapshot";
  context.output().object(head);
  context.output().line(fmt::format("snapshot {} of {} at {}:", snapshot.id.short_hex(),
                                    fmt::join(snapshot.paths, ", "), format_utc(snapshot.time)));
  Lister lister(context.output(), repository, options);
  auto path = options.path;
  while (path.ends_with('/')) path.pop_back();
  if (path.empty()) {
    TRY(lister.list(snapshot.tree, ""));
    return kOk;
  }
  const auto relative = path.substr(path.find_first_not_of('/'));
  TRY_ASSIGN(const auto node, repo::find_node(*repository, snapshot.tree, relative, repository.cancel));
  lister.show(node, "/" + relative);
  if (node.subtree) TRY(lister.list(*node.subtree, "/" + relative));
  return kOk;
}

}  // namespace

void add_ls(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("ls", "list the files of a snapshot");
  command->footer("Example:\n  varve ls latest /mongodb/shop");
  auto options = std::make_shared<LsOptions>();
  add_snapshot_options(*command, options->snapshot);
  command->add_option("path", options->path, "only below this path")->type_name("PATH");
  command->add_flag("-l,--long", options->details, "modes, sizes and times too");
  command->callback([&context, options] { context.run = [&context, options] { return ls(context, *options); }; });
}

}  // namespace varve::cli
