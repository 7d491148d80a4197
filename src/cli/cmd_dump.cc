#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/destination.h"
#include "files/dump.h"
#include "files/paths.h"

namespace varve::cli {

namespace {

struct DumpWords {
  SnapshotOptions snapshot;
  std::string path, archive = "tar", target;
};

bool is_for_terminal(const DumpWords& words) {
  return words.target.empty() && ::isatty(STDOUT_FILENO) == 1;
}

Status dump_folder(Context& context, const OpenRepository& repository, const Id& tree, const std::string& path,
                   const DumpWords& words, const files::DumpSink& sink) {
  const auto format = words.archive == "zip" ? files::ArchiveFormat::kZip : files::ArchiveFormat::kTar;
  TRY_ASSIGN(const auto result, files::dump_folder(*repository, tree, path, format, sink, repository.cancel));
  if (result.left_out > 0) {
    context.output().warning(
        fmt::format("{} cannot be in a {} and {} left out",
                    result.left_out == 1 ? "one special file" : fmt::format("{} special files", result.left_out),
                    words.archive, result.left_out == 1 ? "was" : "were"));
  }
  return {};
}

Result<int> dump(Context& context, const DumpWords& words) {
  if (words.archive != "tar" && words.archive != "zip") {
    return fail(Error(ErrorKind::kInvalidInput, "there is no archive format \"" + words.archive + "\"")
                    .hint("tar and zip are known"));
  }
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto found, find_snapshot_tree(repository, words.snapshot));
  const std::string path = files::absolute_path(words.path, "/");
  TRY_ASSIGN(const auto node, repo::find_node(*repository, found.tree, path, repository.cancel));
  const bool is_folder = node.type == repo::NodeType::kDir;
  if (!is_folder && node.type != repo::NodeType::kFile) {
    return fail(ErrorKind::kInvalidInput, "\"" + path + "\" is neither a file nor a folder");
  }
  if (is_folder && is_for_terminal(words)) {
    return fail(
        Error(ErrorKind::kInvalidInput, "\"" + path + "\" is a folder, and an archive is nothing for a terminal")
            .hint("send the output elsewhere, or name a file with --target"));
  }
  TRY_ASSIGN(const auto to, open_destination(words.target, storage::Replacement::Access::kAsBefore, context.output(),
                                             repository.cancel));
  const auto sink = [&](ByteView bytes) { return to->write(bytes); };
  auto done = is_folder ? dump_folder(context, repository, *node.subtree, path, words, sink)
                        : files::dump_file(*repository, node, sink, repository.cancel);
  if (context.output().lost()) return kFailed;  // said in the end
  if (done) done = to->finish();
  if (!done) return fail(std::move(done).error().within("cannot dump " + path));
  return kOk;
}

}  // namespace

void add_dump(Command& app, Context& context) {
  auto* command =
      app.add_subcommand("dump", "write a file of a snapshot, or a folder as an archive, to standard output");
  command->footer(
      "Examples:\n"
      "  varve dump latest /etc/fstab\n"
      "  varve dump latest /home/anna | tar tv\n"
      "  varve dump --archive zip --target anna.zip latest:/home/anna /");
  auto words = std::make_shared<DumpWords>();
  add_snapshot_options(*command, words->snapshot);
  command->add_option("path", words->path, "a file or a folder of the snapshot, / for all")
      ->required()
      ->type_name("PATH");
  command->add_option("-a,--archive", words->archive, "of a folder: tar or zip")->type_name("FORMAT");
  command->add_option("-t,--target", words->target, "write to FILE")->type_name("FILE");
  command->callback([&context, words] { context.run = [&context, words] { return dump(context, *words); }; });
}

}  // namespace varve::cli
