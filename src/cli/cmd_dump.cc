#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/context.h"
#include "files/dump.h"
#include "files/paths.h"
#include "storage/atomic_file.h"

namespace varve::cli {

namespace {

struct DumpWords {
  SnapshotOptions snapshot;
  std::string path, archive = "tar", target;
};

/// Where the bytes go.
class Destination {
 public:
  virtual ~Destination() = default;
  virtual Status write(ByteView bytes) = 0;
  /// All are there.
  virtual Status finish() { return {}; }
};

class StandardOutput final : public Destination {
 public:
  explicit StandardOutput(Output& output) : output_(output) {}
  Status write(ByteView bytes) override { return output_.write(as_text(bytes)); }

 private:
  Output& output_;
};

/// A pipe or a device: there is nothing to be replaced.
class Stream final : public Destination {
 public:
  Stream(storage::posix::Fd file, std::string path, const Cancel& cancel)
      : file_(std::move(file)), path_(std::move(path)), cancel_(cancel) {}
  Status write(ByteView bytes) override {
    const ByteView pieces[] = {bytes};
    return storage::posix::write_all(file_, path_, pieces, cancel_);
  }

 private:
  const storage::posix::Fd file_;
  const std::string path_;
  const Cancel& cancel_;
};

/// A file that is there only when it is whole; one of that name stays until then.
class WholeFile final : public Destination {
 public:
  WholeFile(storage::Replacement file, const Cancel& cancel) : file_(std::move(file)), cancel_(cancel) {}
  Status write(ByteView bytes) override { return file_.write(bytes, cancel_); }
  Status finish() override { return file_.publish(); }

 private:
  storage::Replacement file_;
  const Cancel& cancel_;
};

Result<std::unique_ptr<Destination>> open_destination(const std::string& path, Output& output, const Cancel& cancel) {
  std::unique_ptr<Destination> destination;
  struct stat info;
  if (path.empty()) {
    destination = std::make_unique<StandardOutput>(output);
  } else if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    TRY_ASSIGN(auto file, storage::posix::open_file(path, O_WRONLY));
    destination = std::make_unique<Stream>(std::move(file), path, cancel);
  } else {
    auto file = storage::Replacement::begin(path);
    if (!file && file.error().kind() == ErrorKind::kDenied) {
      return fail(std::move(file).error().hint("a new file is made beside " + path + " until it is whole; `> " + path +
                                               "` in place of --target writes into the one that is there"));
    }
    TRY(file);
    destination = std::make_unique<WholeFile>(std::move(*file), cancel);
  }
  return destination;
}

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
  TRY_ASSIGN(const auto to, open_destination(words.target, context.output(), repository.cancel));
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
