#include "files/archiver.h"

#include <algorithm>

#include "base/task_group.h"
#include "files/file_saver.h"
#include "files/paths.h"
#include "files/scan.h"
#include "files/walker.h"

namespace varve::files {

namespace {

constexpr unsigned kReaders = 2;

/// Walks, reads and saves trees side by side until everything has been given to the writer and is known by it.
Status store_all(FileSaver& files, TreeSaver& trees, repo::Writer& writer, unsigned readers,
                 const TaskGroup::Task& walk, const Cancel& cancel) {
  TaskGroup group(writer.cancel());
  group.spawn([&](const Cancel& stop) { return trees.run(stop); });
  for (unsigned i = 0; i < readers; ++i) {
    group.spawn([&](const Cancel& stop) { return files.run(stop); });
  }
  group.spawn([&](const Cancel& stop) -> Status {
    TRY(walk(stop));
    files.close();
    return {};
  });
  const auto status = group.wait();
  TRY(cancel.check());
  TRY(writer.drain());  // its own error explains why the others stopped
  return status;
}

}  // namespace

Result<Id> archive(repo::Destinations& to, repo::Writer& writer, const std::vector<std::string>& paths,
                   const std::optional<repo::ParentTree>& parent, const ArchiveOptions& options, Ledger& ledger,
                   Reporter& reporter, const Cancel& cancel) {
  TRY_ASSIGN(const auto root, arrange_sources(paths));
  TRY_ASSIGN(const auto working_folder, working_folder_path());
  std::vector<std::string> absolute;
  for (const auto& path : paths) absolute.push_back(absolute_path(path, working_folder));
  SilentReporter silent;

  Owners owners;
  const Describe describe{owners, options.with_atime};
  TreeSaver trees(writer, ledger);
  FileSaver files(to.polynomial(), writer, describe, trees, ledger);
  Walker walker({to, parent ? parent->of : 0, describe, files, trees, ledger}, options,
                Selection(options.selection, absolute, reporter), working_folder);

  TaskGroup scanning(cancel);
  if (options.scan) {
    scanning.spawn([&](const Cancel& stop) -> Status {
      scan(root, Selection(options.selection, absolute, silent), working_folder, ledger, stop);
      return {};
    });
  }
  const auto parent_tree = parent ? std::optional(parent->tree) : std::nullopt;
  const auto walk = [&](const Cancel& stop) { return walker.walk(root, parent_tree, stop); };
  const auto stored = store_all(files, trees, writer, options.readers != 0 ? options.readers : kReaders, walk, cancel);
  if (!stored) {
    writer.stop();  // it must not tell `files` and `trees` of blobs any more
    return fail(stored.error());
  }
  if (const auto tree = trees.root()) return *tree;
  return fail(ErrorKind::kNotFound, "there is nothing to back up: what was named is excluded or could not be read");
}

}  // namespace varve::files
