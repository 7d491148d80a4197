#include "job/restore_load.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "job/workers.h"

namespace varve::job {

namespace {

// A collection of more blobs than this is loaded by several writers.
constexpr size_t kBlobsATask = 32;

struct Task {
  size_t item = 0;
  size_t first = 0, last = 0;  ///< blobs
};

class Loader {
 public:
  Loader(const BackupReader& backup, const RestorePlan& plan, const mongo::Uri& to, Reporter& reporter)
      : backup_(backup),
        plan_(plan),
        to_(to),
        reporter_(reporter),
        read_(plan.items.size()),
        stored_(plan.items.size()),
        met_twice_(plan.items.size()) {}

  Result<std::vector<Loaded>> run(unsigned writers, const Cancel& cancel) {
    TRY(make_tasks(cancel));
    const auto step = [this](mongo::Connection& connection, size_t index, const Cancel& stop) {
      return load(connection, tasks_[index], stop);
    };
    TRY(for_each_connected(to_, writers, tasks_.size(), step, cancel));
    return check();
  }

 private:
  Status make_tasks(const Cancel& cancel) {
    files_.resize(plan_.items.size());
    std::vector<size_t> order(plan_.items.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, std::greater{}, [&](size_t i) { return plan_.items[i].entry->as_read.bytes; });
    for (const size_t i : order) {
      const auto& entry = *plan_.items[i].entry;
      if (entry.type != "collection") continue;
      TRY_ASSIGN(files_[i], backup_.data(entry, cancel));
      const size_t blobs = files_[i].content.size();
      const size_t step = keep_order(entry) ? std::max<size_t>(blobs, 1) : kBlobsATask;
      for (size_t first = 0; first < blobs; first += step) tasks_.push_back({i, first, std::min(first + step, blobs)});
    }
    return {};
  }

  static bool keep_order(const collection::CollectionEntry& entry) { return entry.options.view().truthy("capped"); }

  Status load(mongo::Connection& connection, const Task& task, const Cancel& cancel) {
    const auto& item = plan_.items[task.item];
    mongo::Inserter inserter(connection, item.load_into, keep_order(*item.entry));
    bson::Digest read;
    bson::Digest stored;
    Bytes scratch;
    // A document that was deleted and inserted again while the collection was read may have been met in both places.
    // Either serves until the window's operations are applied; without a window it would be damage.
    uint64_t met_twice = 0;
    if (backup_.manifest().oplog_changes > 0 && !keep_order(*item.entry)) {
      inserter.on_duplicate([&](ByteView document) {
        bson::Digest refused;
        refused.add(document);
        stored -= refused;
        ++met_twice;
      });
    }
    uint64_t reported = 0;
    const auto insert = [&](ByteView document) -> Status {
      read.add(document);
      stored.add(bson::as_stored(document, scratch));
      TRY(inserter.add(document, cancel));
      if (read.bytes - reported > (1u << 20)) {
        report(item, read.documents, read.bytes - reported);
        reported = read.bytes;
      }
      return {};
    };
    TRY(backup_.each_document(files_[task.item], task.first, task.last, insert, cancel));
    TRY(inserter.flush(cancel));
    report(item, 0, read.bytes - reported);
    std::lock_guard lock(mutex_);
    read_[task.item] += read;
    stored_[task.item] += stored;
    met_twice_[task.item] += met_twice;
    documents_ += read.documents;
    return {};
  }

  void report(const RestorePlan::Item& item, uint64_t underway, uint64_t bytes) {
    bytes_ += bytes;
    Progress progress;
    progress.action = "restore";
    progress.item = item.entry->ns.text();
    progress.documents = documents_ + underway;
    progress.bytes = bytes_;
    progress.bytes_total = plan_.bytes;
    reporter_.progress(progress);
  }

  Result<std::vector<Loaded>> check() {
    std::vector<Loaded> loaded;
    for (size_t i = 0; i < plan_.items.size(); ++i) {
      const auto& entry = *plan_.items[i].entry;
      if (entry.type == "collection" && read_[i] != entry.as_read) {
        return fail(Error(ErrorKind::kCorrupt,
                          "the backup's documents of " + entry.ns.text() + " are not those that its manifest describes")
                        .hint("`varve check --read-data` tells what is damaged"));
      }
      loaded.push_back({stored_[i], met_twice_[i]});
    }
    return loaded;
  }

  const BackupReader& backup_;
  const RestorePlan& plan_;
  const mongo::Uri& to_;
  Reporter& reporter_;
  std::vector<repo::Node> files_;
  std::vector<Task> tasks_;
  std::atomic<uint64_t> bytes_{0}, documents_{0};
  std::mutex mutex_;  // guards the three below
  std::vector<bson::Digest> read_, stored_;
  std::vector<uint64_t> met_twice_;
};

}  // namespace

Result<std::vector<Loaded>> load_collections(const BackupReader& backup, const RestorePlan& plan, const mongo::Uri& to,
                                             unsigned writers, Reporter& reporter, const Cancel& cancel) {
  return Loader(backup, plan, to, reporter).run(writers, cancel);
}

}  // namespace varve::job
