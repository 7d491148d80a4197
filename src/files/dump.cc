#include "files/dump.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/channel.h"
#include "base/task_group.h"
#include "files/archive.h"
#include "files/ordered_blobs.h"
#include "files/walk.h"
#include "repo/shared_reader.h"

namespace varve::files {

namespace {

using repo::Node;
using repo::NodeType;

/// What comes next in a dump: an entry begins, or more of its content.
struct Piece {
  std::string name{};  ///< relative
  std::optional<Node> node{};
  std::string hard_link{};  ///< the name of an earlier entry that is the same file
  OrderedBlobs::PendingPtr blob{};
};

/// A dump under way: one thread asks for what comes, others load it, the caller takes it in order.
class Pipeline {
 public:
  using Send = std::function<Status(Pipeline& to, const Cancel& cancel)>;
  using Take = std::function<Status(const Piece& piece, const Cancel& cancel)>;

  explicit Pipeline(repo::Repository& repository) : blobs_(repository), pieces_(pieces_ahead(repository)) {}

  Status run(const Send& send, const Take& take, const Cancel& cancel) {
    TaskGroup group(cancel);
    blobs_.start(group);
    group.spawn([&](const Cancel& inner) -> Status {
      TRY(send(*this, inner));
      blobs_.close();
      pieces_.close();
      return {};
    });
    const Cancel inner = group.cancel();
    while (const auto piece = pieces_.pop(inner)) TRY(take(*piece, inner));
    return group.wait();
  }

  Status send(Piece piece, const Cancel& cancel) {
    return pieces_.push(std::move(piece), cancel) ? Status() : stopped();
  }
  Status send_content(const Node& file, const Cancel& cancel) {
    for (const Id& id : file.content) {
      auto blob = blobs_.ask(id, cancel);
      if (!blob) return stopped();
      TRY(send({.blob = std::move(blob)}, cancel));
    }
    return {};
  }

 private:
  // How many blobs wait in order: as many as are loaded at once, and as many again.
  static size_t pieces_ahead(repo::Repository& repository) { return 2 * repo::reading_threads(repository.storage()); }
  static Status stopped() { return fail(ErrorKind::kCancelled, "stopped"); }

  OrderedBlobs blobs_;
  Channel<Piece> pieces_;
};

/// Sends what lies below a folder.
class Sender final : public WalkVisitor {
 public:
  Sender(Pipeline& to, const Archive& archive, DumpResult& result, const Cancel& cancel)
      : to_(to), archive_(archive), result_(result), cancel_(cancel) {}

  Result<bool> enter(const Entry& entry) override {
    const auto& node = entry.node;
    const bool is_folder = node.type == NodeType::kDir;
    if (!archive_.takes(node.type)) {
      ++result_.left_out;
      return false;
    }
    ++result_.entries;
    const std::string name = entry.path.substr(1);
    std::string first = archive_.has_hard_links() ? first_name(node, name) : "";
    const bool has_content = node.type == NodeType::kFile && first.empty();
    TRY(to_.send({.name = name, .node = node, .hard_link = std::move(first)}, cancel_));
    if (has_content) TRY(to_.send_content(node, cancel_));
    return is_folder;
  }
  Status leave(const Entry&, const std::vector<Node>*) override { return {}; }
  Status unreadable(const std::string& path, const Id&, const Error& error) override {
    return fail(Error(error).within(path));
  }

 private:
  /// The name that the same file was sent under before; empty if this is the first.
  std::string first_name(const Node& node, const std::string& name) {
    if (node.type != NodeType::kFile || node.links <= 1) return "";
    const auto [known, is_new] = names_.try_emplace({node.inode, node.device_id}, name);
    return is_new ? "" : known->second;
  }

  Pipeline& to_;
  const Archive& archive_;
  DumpResult& result_;
  const Cancel& cancel_;
  std::map<std::pair<uint64_t, uint64_t>, std::string> names_;
};

/// Writes the pieces of a folder into an archive.
class Packer {
 public:
  explicit Packer(Archive& archive) : archive_(archive) {}

  Status take(const Piece& piece, const Cancel& cancel) {
    if (!piece.node) {
      auto bytes = piece.blob->wait(cancel);
      if (!bytes) return fail(std::move(bytes).error().within("/" + name_));
      left_ -= std::min<uint64_t>(left_, (*bytes)->size());
      return archive_.content(**bytes);
    }
    TRY(end_entry());
    name_ = piece.name;
    const bool has_content = piece.node->type == NodeType::kFile && piece.hard_link.empty();
    left_ = has_content ? piece.node->size : 0;
    open_ = true;
    auto begun = archive_.begin(piece.name, *piece.node, piece.hard_link);
    return begun ? Status() : fail(std::move(begun).error().within("/" + name_));
  }

  Status end_entry() {
    if (!open_) return {};
    open_ = false;
    if (left_ > 0) return fail(ErrorKind::kCorrupt, "/" + name_ + ": the content is shorter than the snapshot says");
    return archive_.end_entry();
  }

 private:
  Archive& archive_;
  std::string name_;
  uint64_t left_ = 0;
  bool open_ = false;
};

}  // namespace

Status dump_file(repo::Repository& repository, const Node& file, const DumpSink& sink, const Cancel& cancel) {
  const auto send = [&](Pipeline& to, const Cancel& inner) { return to.send_content(file, inner); };
  const auto take = [&](const Piece& piece, const Cancel& inner) -> Status {
    TRY_ASSIGN(const auto bytes, piece.blob->wait(inner));
    return sink(*bytes);
  };
  return Pipeline(repository).run(send, take, cancel);
}

Result<DumpResult> dump_folder(repo::Repository& repository, const Id& tree, const std::string& path,
                               ArchiveFormat format, const DumpSink& sink, const Cancel& cancel) {
  TRY_ASSIGN(const auto archive, Archive::make(format, sink));
  DumpResult result;
  Packer packer(*archive);
  const auto send = [&](Pipeline& to, const Cancel& inner) -> Status {
    Sender sender(to, *archive, result, inner);
    return walk(repository, tree, path, sender, inner);
  };
  const auto take = [&](const Piece& piece, const Cancel& inner) { return packer.take(piece, inner); };
  TRY(Pipeline(repository).run(send, take, cancel));
  TRY(packer.end_entry());
  TRY(archive->finish());
  return result;
}

}  // namespace varve::files
