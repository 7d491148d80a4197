#include "files/stream_backup.h"

#include <algorithm>

#include <unistd.h>

#include "codec/sha256.h"
#include "files/chunk_stream.h"
#include "files/command.h"
#include "files/paths.h"
#include "files/save_snapshot.h"

namespace varve::files {

namespace {

using repo::Node;
using repo::NodeType;

constexpr uint64_t kUnknownLength = UINT64_MAX;

/// As restic describes what is no real file.
Node made_up(std::string_view name, NodeType type, uint32_t mode, Time time) {
  Node node;
  node.name = name;
  node.type = type;
  node.mode = mode;
  node.mtime = node.atime = node.ctime = time;
  node.uid = getuid();
  node.gid = getgid();
  return node;
}

/// Reads the stream to its end. The ids of the chunks are known once the writer has drained.
class StreamReader {
 public:
  StreamReader(codec::Polynomial polynomial, repo::Writer& writer, Ledger& ledger)
      : chunker_(polynomial), writer_(writer), ledger_(ledger) {}

  Status read(int fd, const Cancel& cancel) {
    return cut_stream(
        chunker_, kUnknownLength, [&](std::span<uint8_t> into) { return read_stream(fd, into, cancel); },
        [&](Bytes chunk) { return take(std::move(chunk)); });
  }

  uint64_t size() const { return size_; }
  std::vector<Id> content() const { return {content_.begin(), content_.end()}; }

 private:
  Status take(Bytes chunk) {
    const uint64_t size = chunk.size();
    size_ += size;
    size_t place = 0;
    {
      std::lock_guard lock(mutex_);
      place = content_.size();
      content_.emplace_back();
    }
    TRY(writer_.save(repo::BlobType::kData, std::move(chunk), [this, place](const Id& id) {
      std::lock_guard lock(mutex_);
      content_[place] = id;
    }));
    ledger_.has_read(size);
    return {};
  }

  codec::RabinChunker chunker_;
  repo::Writer& writer_;
  Ledger& ledger_;
  std::mutex mutex_;
  std::vector<Id> content_;
  uint64_t size_ = 0;
};

Result<Id> save_tree(repo::Writer& writer, const Node& node) {
  TRY_ASSIGN(const auto json, repo::encode_tree({node}, repo::TimeZone::kLocal));
  TRY(writer.save(repo::BlobType::kTree, to_bytes(as_bytes(json)), [](const Id&) {}));
  return codec::sha256(as_bytes(json));
}

/// The file in its folders, innermost first.
Result<Id> save_trees(repo::Writer& writer, Ledger& ledger, std::string_view path, Node file) {
  const auto names = split_path(path.substr(1));
  file.name = names.back();
  ledger.count(std::nullopt, file);
  TRY_ASSIGN(auto tree, save_tree(writer, file));
  for (size_t i = names.size() - 1; i-- > 0;) {
    auto folder = made_up(names[i], NodeType::kDir, 0755, file.mtime);
    folder.subtree = tree;
    ledger.count(std::nullopt, folder);
    TRY_ASSIGN(tree, save_tree(writer, folder));
  }
  return tree;
}

/// To its end, and to the command's good end.
Status read_all(StreamReader& reader, const StreamOptions& options, const Cancel& cancel) {
  if (options.command.empty()) return reader.read(options.input, cancel);
  TRY_ASSIGN(auto command, Command::start(options.command));
  TRY(reader.read(command.output(), cancel));
  return command.finish(cancel);
}

}  // namespace

Result<BackupResult> back_up_stream(repo::Destinations& to, const StreamOptions& options, Reporter& reporter,
                                    const Clock& clock) {
  NewSnapshot made{.started = clock.now()};
  const auto path = absolute_path(options.name, "/");
  const auto names = split_path(std::string_view(path).substr(1));
  const bool too_long = std::ranges::any_of(names, [](const auto& name) { return name.size() > repo::kMaxName; });
  if (options.name.empty() || path == "/" || too_long) {
    return fail(ErrorKind::kInvalidInput, "'" + options.name + "' cannot be the name of a file");
  }
  TRY(to.each([&](size_t i) { return to[i].load_index(to.cancel(i)); }));
  repo::Writer writer(to, options.writer);
  Ledger ledger(writer, reporter);
  ledger.starts(path);
  StreamReader reader(to.polynomial(), writer, ledger);
  auto status = read_all(reader, options, writer.cancel());
  if (status) status = writer.drain();
  if (!status) {
    writer.stop();  // it must not tell the reader of blobs any more
    TRY(to.outer().check());
    return fail(status.error());
  }
  if (reader.size() == 0) {
    return fail(Error(ErrorKind::kNotFound, "there was nothing to back up: the input ended without a byte")
                    .hint("no snapshot was made"));
  }
  auto file = made_up("", NodeType::kFile, 0644, options.details.time.value_or(made.started));
  file.content = reader.content();
  file.size = reader.size();
  TRY_ASSIGN(made.tree, save_trees(writer, ledger, path, std::move(file)));
  made.paths = {path};
  made.parents.resize(to.size());
  made.dry_run = options.writer.dry_run;
  return save_snapshot(to, writer, ledger, made, options.details, clock);
}

}  // namespace varve::files
