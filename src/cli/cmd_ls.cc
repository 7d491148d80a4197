#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/ls_printer.h"
#include "files/paths.h"
#include "files/walk.h"

namespace varve::cli {

namespace {

struct LsWords {
  SnapshotOptions snapshot;
  std::vector<std::string> folders;
  LsStyle style;
  bool recursive = false;
};

/// Whether `path` is `folder` or lies below it.
bool is_within(std::string_view path, std::string_view folder) {
  return folder == "/" || (path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/'));
}

/// Prints what the folders name: themselves and their entries; what is deeper too, if it is to be recursive or if
/// nothing was named.
class Lister final : public files::WalkVisitor {
 public:
  Lister(LsPrinter& printer, std::vector<std::string> folders, bool recursive)
      : printer_(printer), folders_(std::move(folders)), recursive_(recursive), met_(folders_.size()) {}

  Result<bool> enter(const files::Entry& entry) override {
    const bool is_folder = entry.node.type == repo::NodeType::kDir;
    const bool listed = folders_.empty() || any([&](size_t i) { return is_within(entry.path, folders_[i]); });
    const bool on_the_way = folders_.empty() || any([&](size_t i) { return is_within(folders_[i], entry.path); });
    for (size_t i = 0; i < folders_.size(); ++i) met_[i] = met_[i] || is_within(entry.path, folders_[i]);
    if (listed) {
      printer_.node(entry.path, entry.node);
    } else if (is_folder && on_the_way) {
      printer_.passed(entry.path, entry.node);
    }
    if (!is_folder) return false;
    const bool below = on_the_way || (listed && recursive_);
    if (listed && !below) printer_.leave();
    return below;
  }

  Status leave(const files::Entry&, const std::vector<repo::Node>*) override {
    printer_.leave();
    return {};
  }
  Status unreadable(const std::string& path, const Id&, const Error& error) override {
    return fail(Error(error).within("cannot list " + path));
  }

  Status finish() const {
    for (size_t i = 0; i < folders_.size(); ++i) {
      if (!met_[i] && folders_[i] != "/") {
        return fail(ErrorKind::kNotFound, "there is no \"" + folders_[i] + "\" in the snapshot");
      }
    }
    return {};
  }

 private:
  bool any(const std::function<bool(size_t)>& holds) const {
    for (size_t i = 0; i < folders_.size(); ++i) {
      if (holds(i)) return true;
    }
    return false;
  }

  LsPrinter& printer_;
  const std::vector<std::string> folders_;
  const bool recursive_;
  std::vector<bool> met_;
};

Result<int> ls(Context& context, const LsWords& words) {
  auto style = words.style;
  style.filter = fmt::format("{}", fmt::join(words.folders, " "));
  style.quiet = context.global.quiet;
  TRY_ASSIGN(const auto printer, make_ls_printer(context.output(), style));
  std::vector<std::string> folders;
  for (const auto& folder : words.folders) folders.push_back(files::absolute_path(folder, "/"));
  TRY_ASSIGN(const auto repository, context.open_early(Access::kRead));
  TRY_ASSIGN(const auto found, find_snapshot_tree(repository, words.snapshot));
  TRY(repository.settle());
  auto head = found.snapshot;
  head.tree = found.tree;  // what is listed, as restic has it
  printer->begin(head);
  Lister lister(*printer, std::move(folders), words.recursive);
  TRY(files::walk(*repository, found.tree, "/", lister, repository.cancel));
  printer->end();
  TRY(lister.finish());
  return kOk;
}

}  // namespace

void add_ls(Command& app, Context& context) {
  auto* command = app.add_subcommand("ls", "list the files of a snapshot");
  command->footer(
      "Examples:\n"
      "  varve ls latest\n"
      "  varve ls -l latest /mongodb/shop\n"
      "  varve ls latest:/home/anna --recursive /mail");
  auto words = std::make_shared<LsWords>();
  add_snapshot_options(*command, words->snapshot);
  command->add_option("folder", words->folders, "only these folders and their entries")->type_name("DIR");
  command->add_flag("-l,--long", words->style.details, "modes, owners, sizes and times too");
  command->add_flag("--recursive", words->recursive, "also what is deeper in the named folders");
  command->add_flag("--human-readable", words->style.human, "sizes with units");
  command->add_option("-s,--sort", words->style.sort, "by name, size, time, atime, ctime or extension")
      ->type_name("ORDER");
  command->add_flag("--reverse", words->style.reverse, "the other way round");
  command->add_flag("--ncdu", words->style.ncdu, "in ncdu's format: varve ls --ncdu latest | ncdu -f -");
  command->callback([&context, words] { context.run = [&context, words] { return ls(context, *words); }; });
}

}  // namespace varve::cli
