#include "maintenance/used_blobs.h"

#include <atomic>
#include <mutex>

#include "repo/blob_reader.h"
#include "repo/walk_trees.h"

namespace varve::maintenance {

namespace {

using repo::BlobType;

constexpr size_t kMaxNamed = 5;

/// Thread-safe.
class Marker {
 public:
  explicit Marker(const repo::IndexRows& rows) : rows_(rows), marks_(rows.size()) {}

  void mark(BlobType type, const Id& id) {
    const auto row = rows_.find(type, id);
    if (!row) return problem(std::string(repo::type_noun(type)) + " " + id.short_hex() + " is in no index");
    std::atomic_ref(marks_[*row]).store(1, std::memory_order_relaxed);
  }
  void problem(std::string what) {
    std::lock_guard lock(mutex_);
    if (++problems_ <= kMaxNamed) named_.push_back(std::move(what));
  }

  Result<std::vector<uint8_t>> take() {
    if (problems_ == 0) return std::move(marks_);
    Error error(ErrorKind::kCorrupt, "snapshots need what is missing or damaged, so nothing was removed: " + named_[0]);
    for (size_t i = 1; i < named_.size(); ++i) error.hint(named_[i]);
    if (problems_ > named_.size()) error.hint("and " + std::to_string(problems_ - named_.size()) + " more");
    return fail(std::move(error)
                    .hint("`varve check` tells which snapshots are affected")
                    .hint("`varve repair index` finds what only the index lost; `varve repair snapshots` makes "
                          "snapshots without what is lost"));
  }

 private:
  const repo::IndexRows& rows_;
  std::vector<uint8_t> marks_;
  std::mutex mutex_;
  uint64_t problems_ = 0;
  std::vector<std::string> named_;
};

}  // namespace

Result<std::vector<uint8_t>> mark_used(repo::Repository& repository, const repo::IndexRows& rows,
                                       const std::vector<Id>& roots, Reporter& reporter, const Cancel& cancel) {
  Marker marker(rows);
  std::atomic<uint64_t> trees = 0;
  const auto visit = [&](const Id& tree, const Result<std::vector<repo::Node>>& nodes) -> Status {
    if (!nodes) {
      marker.problem(nodes.error().message());
      return {};
    }
    marker.mark(BlobType::kTree, tree);
    for (const auto& node : *nodes) {
      for (const Id& id : node.content) marker.mark(BlobType::kData, id);
    }
    reporter.progress({.action = "prune", .item = "finding what is in use, trees", .items = ++trees});
    return {};
  };
  TRY(repo::walk_trees(repository, roots, visit, cancel));
  return marker.take();
}

}  // namespace varve::maintenance
