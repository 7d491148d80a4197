#include "files/restorer.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files/file_restorer.h"
#include "files/local_node.h"
#include "files/restore_metadata.h"
#include "files/restore_verify.h"
#include "files/target.h"
#include "files/walk.h"
#include "repo/node_type.h"

namespace varve::files {

namespace {

using repo::Node;
using repo::NodeType;

/// The first name of a file that has several.
struct LinkedFile {
  size_t number;
  FolderPtr folder;
  std::string name;
};
using LinkedFiles = std::map<std::pair<uint64_t, uint64_t>, LinkedFile>;  ///< by inode and device

/// What the walks of one restore share.
struct Restore {
  repo::Repository& repository;
  const RestoreOptions& options;
  const Cancel& cancel;
  std::unique_ptr<Target> target;
  RestoreLog& log;
  MetadataRestorer metadata{{options.owners_by_name, options.select_attribute}};
  FileRestorer files{repository, *target, metadata, options, log};
  LinkedFiles linked{};
  std::set<std::string> lost_folders{};  ///< that could not be made: nothing below them is tried
};

/// A folder on the way down.
struct Level {
  FolderPtr folder;
  bool taken = false;     ///< wanted itself
  bool made = false;      ///< or was there
  bool restored = false;  ///< something below it was wanted
};

/// The walk that every pass of a restore makes: all meet the same entries in the same order.
class Pass : public WalkVisitor {
 public:
  explicit Pass(Restore& restore) : restore_(restore) {
    levels_.push_back({.folder = restore.target->root(), .made = true});
  }

  Result<bool> enter(const Entry& entry) final {
    const bool is_folder = entry.node.type == NodeType::kDir;
    const auto& select = restore_.options.select;
    const Choice choice = select ? select(entry.path, is_folder) : Choice();
    if (is_folder) return enter_folder(entry, choice);
    if (!choice.taken) return false;
    mark_restored();
    if (entry.node.type == NodeType::kFile) {
      TRY(file(entry, files_++));
    } else {
      TRY(other(entry));
    }
    return false;
  }

  Status leave(const Entry& entry, const std::vector<Node>* entries) final {
    TRY(left(entry, entries));
    levels_.pop_back();
    return {};
  }

  Status unreadable(const std::string&, const Id&, const Error&) override { return {}; }

 protected:
  /// A folder that is wanted.
  virtual Status folder(const Entry&) { return {}; }
  virtual Status file(const Entry&, size_t) { return {}; }
  virtual Status other(const Entry&) { return {}; }
  virtual Status left(const Entry&, const std::vector<Node>*) { return {}; }

  /// The problem of one entry; only what spoils all others too ends the restore.
  Status carry_on(const std::string& path, const Status& status) {
    if (status) return {};
    const auto& error = status.error();
    if (error.kind() == ErrorKind::kNoSpace) return fail(Error(error).within(path));
    if (is_stop(error)) return fail(error);
    restore_.log.problem(path, status.error());
    return {};
  }

  Restore& restore_;
  std::vector<Level> levels_;

 private:
  Result<bool> enter_folder(const Entry& entry, const Choice& choice) {
    if ((!choice.taken && !choice.below) || restore_.lost_folders.contains(entry.path)) return false;
    if (choice.taken) mark_restored();
    auto made = std::make_shared<const TargetFolder>(levels_.back().folder, entry.node.name);
    levels_.push_back({.folder = std::move(made), .taken = choice.taken});
    if (choice.taken) TRY(folder(entry));
    if (!restore_.lost_folders.contains(entry.path)) return true;
    levels_.pop_back();
    return false;
  }

  /// The folders on the way here; above one that is marked all are.
  void mark_restored() {
    for (auto level = levels_.rbegin(); level != levels_.rend() && !level->restored; ++level) level->restored = true;
  }

  size_t files_ = 0;
};

/// Whether what stands in the way may be replaced.
bool may_replace(Overwrite overwrite) {
  return overwrite == Overwrite::kAlways || overwrite == Overwrite::kIfChanged;
}

/// First: makes the folders, private until they are filled, and puts the files in place.
class ContentPass final : public Pass {
 public:
  using Pass::Pass;

  Status unreadable(const std::string& path, const Id&, const Error& error) override {
    restore_.log.problem(path, error);
    return {};
  }

 private:
  Status folder(const Entry& entry) override {
    restore_.log.expect(0);
    auto made = make_folders();
    if (!made) restore_.lost_folders.insert(entry.path);
    return carry_on(entry.path, made);
  }

  Status file(const Entry& entry, size_t number) override {
    const auto& node = entry.node;
    if (auto made = make_folders(); !made) return carry_on(entry.path, made);
    const auto& folder = levels_.back().folder;
    if (node.links > 1) {
      const LinkedFile link{number, folder, node.name};
      if (!restore_.linked.try_emplace({node.inode, node.device_id}, link).second) {
        restore_.log.expect(0);
        return {};
      }
    }
    return restore_.files.add(folder, node, number, restore_.cancel);
  }

  Status other(const Entry& entry) override {
    if (entry.node.type == NodeType::kSocket) {
      restore_.log.socket();
      return {};
    }
    restore_.log.expect(0);
    return carry_on(entry.path, make_folders());
  }

  /// Every folder down to here; above one that is made all are.
  Status make_folders() {
    size_t first = levels_.size();
    while (!levels_[first - 1].made) --first;
    for (size_t i = first; i < levels_.size(); ++i) {
      if (!restore_.options.dry_run) TRY(make_folder(levels_[i - 1].folder, levels_[i].folder->name));
      levels_[i].made = true;
    }
    return {};
  }

  Status make_folder(const FolderPtr& parent, const std::string& name) {
    TRY_ASSIGN(const auto at, restore_.target->open(parent));
    if (::mkdirat(at->get(), name.c_str(), 0700) == 0) return {};
    if (errno != EEXIST) return fail(system_error("cannot make the folder", errno));
    TRY_ASSIGN(const auto info, look_at(*at, name));
    if (info && S_ISDIR(info->st_mode)) return make_accessible(*at, name, *info);
    if (!may_replace(restore_.options.overwrite)) {
      return fail(Error(ErrorKind::kExists, "something that is not a folder is in the way")
                      .hint("--overwrite always replaces it"));
    }
    TRY(remove_entry(*at, name, false, restore_.cancel));
    if (::mkdirat(at->get(), name.c_str(), 0700) != 0) return fail(system_error("cannot make the folder", errno));
    return {};
  }

  /// A folder of ours that we may not write into gets its mode back in the end.
  static Status make_accessible(const Fd& parent, const std::string& name, const struct stat& info) {
    if ((info.st_mode & 0700) != 0700 && info.st_uid == ::geteuid() && info.st_uid != 0) {
      (void)::fchmodat(parent.get(), name.c_str(), (info.st_mode & 07777) | 0700, AT_SYMLINK_NOFOLLOW);
    }
    return {};
  }
};

Status make_special(const Node& node, const Fd& folder) {
  const char* name = node.name.c_str();
  int made = 0;
  switch (node.type) {
    case NodeType::kSymlink:
      made = ::symlinkat(node.link_target.c_str(), folder.get(), name);
      break;
    case NodeType::kDevice:
      made = ::mknodat(folder.get(), name, S_IFBLK | 0600, node.device);
      break;
    case NodeType::kCharDevice:
      made = ::mknodat(folder.get(), name, S_IFCHR | 0600, node.device);
      break;
    case NodeType::kFifo:
      made = ::mkfifoat(folder.get(), name, 0600);
      break;
    default:
      break;
  }
  if (made != 0) return fail(system_error("cannot make the " + std::string(repo::type_name(node.type)), errno));
  return {};
}

/// Second: links, devices and FIFOs, what is to be deleted, and the folders' own metadata, which the entries would
/// spoil.
class MetadataPass final : public Pass {
 public:
  using Pass::Pass;

  Status leave_top(const std::vector<Node>* entries) override {
    if (!levels_.back().restored) return {};
    return carry_on("/", remove_others(entries));
  }

 private:
  Status file(const Entry& entry, size_t number) override {
    if (entry.node.links <= 1) return {};
    const auto first = restore_.linked.find({entry.node.inode, entry.node.device_id});
    if (first == restore_.linked.end() || first->second.number == number) return {};
    return carry_on(entry.path, link(entry, first->second));
  }

  Status other(const Entry& entry) override {
    return entry.node.type == NodeType::kSocket ? Status() : carry_on(entry.path, special(entry));
  }

  Status left(const Entry& entry, const std::vector<Node>* entries) override {
    const auto& level = levels_.back();
    if (!level.taken && !level.restored) return {};
    TRY(carry_on(entry.path, remove_others(entries)));
    return carry_on(entry.path, finish(entry, levels_[levels_.size() - 2].folder));
  }

  Status finish(const Entry& entry, const FolderPtr& parent) {
    if (!restore_.options.dry_run) {
      TRY_ASSIGN(const auto at, restore_.target->open(parent));
      TRY(give_metadata(entry, *at));
    }
    restore_.log.done(RestoreAction::kRestored, entry.path, 0);
    return {};
  }

  Status give_metadata(const Entry& entry, const Fd& folder) {
    TRY_ASSIGN(const auto lacking, restore_.metadata.restore(entry.node, folder));
    if (lacking.owner) restore_.log.without_owner(entry.path);
    if (lacking.attributes) restore_.log.without_attributes(entry.path);
    return {};
  }

  /// What is there, and whether it stays.
  struct Found {
    std::shared_ptr<const Fd> folder;  ///< none in a dry run where it would have been made
    std::optional<struct stat> info;
    bool kept = false;
  };
  Result<Found> find(const Entry& entry) {
    Found found;
    auto folder = restore_.target->open(levels_.back().folder);
    if (!folder && restore_.options.dry_run) return found;
    TRY_ASSIGN(found.folder, std::move(folder));
    TRY_ASSIGN(found.info, look_at(*found.folder, entry.node.name));
    const auto rule = restore_.options.overwrite;
    found.kept =
        found.info && !may_replace(rule) && (rule == Overwrite::kNever || entry.node.mtime <= modified_at(*found.info));
    if (found.kept) restore_.log.skipped(entry.path, 0);
    return found;
  }

  Status special(const Entry& entry) {
    TRY_ASSIGN(const auto found, find(entry));
    if (found.kept) return {};
    if (!restore_.options.dry_run) {
      TRY(remove_entry(*found.folder, entry.node.name, restore_.options.remove_others, restore_.cancel));
      TRY(make_special(entry.node, *found.folder));
      TRY(give_metadata(entry, *found.folder));
    }
    restore_.log.done(RestoreAction::kRestored, entry.path, 0);
    return {};
  }

  Status link(const Entry& entry, const LinkedFile& first) {
    TRY_ASSIGN(const auto found, find(entry));
    if (found.kept) return {};
    if (!restore_.options.dry_run) TRY(make_link(entry, first, found));
    if (restore_.files.failed(first.number)) {
      const std::string folder = path_of(*first.folder);
      return fail(ErrorKind::kCorrupt,
                  "it is the same file as " + (folder == "/" ? "" : folder) + "/" + first.name + ", which is damaged");
    }
    restore_.log.done(RestoreAction::kRestored, entry.path, 0);
    return {};
  }

  Status make_link(const Entry& entry, const LinkedFile& first, const Found& found) {
    TRY_ASSIGN(const auto from, restore_.target->open(first.folder));
    TRY_ASSIGN(const auto original, look_at(*from, first.name));
    if (original && found.info && original->st_ino == found.info->st_ino && original->st_dev == found.info->st_dev) {
      return {};
    }
    TRY(remove_entry(*found.folder, entry.node.name, restore_.options.remove_others, restore_.cancel));
    if (::linkat(from->get(), first.name.c_str(), found.folder->get(), entry.node.name.c_str(), 0) != 0) {
      return fail(system_error("cannot link it to " + first.name, errno));
    }
    return {};
  }

  /// Where it is not known what the folder held, nothing is deleted.
  Status remove_others(const std::vector<Node>* entries) {
    if (!restore_.options.remove_others || entries == nullptr) return {};
    const auto& folder = levels_.back().folder;
    const auto at = restore_.target->open(folder);
    if (!at) return restore_.options.dry_run ? Status() : fail(at.error());
    std::set<std::string> wanted;
    for (const auto& node : *entries) wanted.insert(node.name);
    const std::string prefix = path_of(*folder) == "/" ? "/" : path_of(*folder) + "/";
    TRY_ASSIGN(const auto names, storage::posix::names_in(**at));
    for (const auto& name : names) {
      const auto& select = restore_.options.select;
      if (wanted.contains(name) || (select && !select(prefix + name, false).taken)) continue;
      TRY(remove_counted(**at, prefix + name, name));
    }
    return {};
  }

  /// Counts and names every entry of what goes.
  Status remove_counted(const Fd& folder, const std::string& path, const std::string& name) {
    TRY_ASSIGN(const auto info, look_at(folder, name));
    if (info && S_ISDIR(info->st_mode)) {
      TRY_ASSIGN(const Fd inside, open_folder(folder, name));
      TRY_ASSIGN(const auto names, storage::posix::names_in(inside));
      for (const auto& below : names) TRY(remove_counted(inside, path + "/" + below, below));
    }
    if (!restore_.options.dry_run) TRY(remove_entry(folder, name, false, restore_.cancel));
    restore_.log.deleted(path);
    return {};
  }
};

/// Last: reads back what was written.
class VerifyPass final : public Pass {
 public:
  VerifyPass(Restore& restore, FileVerifier& verifier) : Pass(restore), verifier_(verifier) {}

 private:
  Status file(const Entry& entry, size_t number) override {
    if (!restore_.files.written(number)) return {};
    return verifier_.add({levels_.back().folder, entry.node, entry.path});
  }

  FileVerifier& verifier_;
};

}  // namespace

Result<RestoreResult> restore(repo::Repository& repository, const Id& tree, const RestoreOptions& options,
                              RestoreListener& listener, const Cancel& cancel) {
  TRY_ASSIGN(auto target, Target::open(options.target, !options.dry_run));
  RestoreLog log(listener);
  Restore shared{repository, options, cancel, std::move(target), log};
  ContentPass content(shared);
  TRY(walk(repository, tree, "/", content, cancel));
  TRY(shared.files.flush(cancel));
  MetadataPass metadata(shared);
  TRY(walk(repository, tree, "/", metadata, cancel));
  if (!options.dry_run) TRY(shared.target->sync());
  RestoreResult result;
  if (options.verify) {
    FileVerifier verifier(repository, *shared.target, log, cancel);
    VerifyPass verify(shared, verifier);
    TRY(walk(repository, tree, "/", verify, cancel));
    TRY_ASSIGN(result.files_verified, verifier.finish());
  }
  log.summarise();
  result.counts = log.counts();
  result.problems = log.problems();
  return result;
}

}  // namespace varve::files
