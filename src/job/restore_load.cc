#include "job/restore_load.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>

#include <fmt/format.h>

#include "job/ttl_commands.h"
#include "job/workers.h"

namespace varve::job {

namespace {

// A collection of more blobs than this is loaded by several writers.
constexpr size_t kBlobsATask = 32;
constexpr uint64_t kReportEach = 1u << 20;

/// One collection on its way.
struct Load {
  std::unique_ptr<CollectionReading> reading;
  std::atomic<size_t> unread{0}, unsent{0};  ///< tasks, and those with documents on their way
  std::mutex mutex;                          // guards the one below
  Loaded loaded;
};

struct Task {
  size_t item = 0;
  size_t first = 0, last = 0;  ///< blobs
};

class Loader {
 public:
  Loader(BackupMoment& moment, const RestorePlan& plan, const RestoreOptions& options, RestoreProgress& progress,
         const std::function<void(size_t)>& complete, Reporter& reporter)
      : moment_(moment),
        plan_(plan),
        options_(options),
        progress_(progress),
        complete_(complete),
        reporter_(reporter),
        loads_(plan.items.size()) {}

  Result<std::vector<Loaded>> run(const Cancel& cancel) {
    TRY(make_tasks(cancel));
    const auto step = [this](mongo::Connection& connection, size_t index, const Cancel& stop) {
      return load(connection, tasks_[index], stop);
    };
    TRY(for_each_connected(options_.to, options_.writers, tasks_.size(), step, cancel));
    std::vector<Loaded> loaded;
    for (auto& load : loads_) loaded.push_back(std::move(load.loaded));
    return loaded;
  }

 private:
  /// What will take the server longest to index first, then the largest. An empty collection has one task too: the
  /// window's operations may fill it.
  Status make_tasks(const Cancel& cancel) {
    std::vector<size_t> order(plan_.items.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, std::greater{}, [&](size_t i) {
      const auto& item = plan_.items[i];
      return std::pair(keys_to_index(item), item.entry->as_read.bytes);
    });
    for (const size_t i : order) {
      const auto& item = plan_.items[i];
      if (item.entry->type != "collection") continue;
      if (item.begun && item.begun->verified) {
        loads_[i].loaded.as_stored = {.documents = item.begun->documents, .bytes = item.begun->bytes, .sum = {}};
        loads_[i].loaded.too_large = item.begun->too_large;
        complete_(i);
        continue;
      }
      TRY_ASSIGN(loads_[i].reading, CollectionReading::open(moment_, item.index, cancel));
      if (loads_[i].reading->in_order()) loads_[i].loaded.order.emplace();
      add_tasks(i);
    }
    return {};
  }

  uint64_t keys_to_index(const RestorePlan::Item& item) const {
    if (!options_.indexes) return 0;
    const auto is_own = [](const bson::Document& index) { return !is_id_index(index); };
    return item.entry->as_read.documents * static_cast<uint64_t>(std::ranges::count_if(item.indexes, is_own));
  }

  void add_tasks(size_t item) {
    auto& load = loads_[item];
    const size_t blobs = load.reading->blobs();
    const size_t step = load.reading->in_order() ? std::max<size_t>(blobs, 1) : kBlobsATask;
    for (size_t first = 0; first == 0 || first < blobs; first += step) {
      tasks_.push_back({item, first, std::min(first + step, blobs)});
      ++load.unread;
      ++load.unsent;
    }
  }

  /// One task; the last one of a collection does what comes after all of its parts too.
  Status load(mongo::Connection& connection, const Task& task, const Cancel& cancel) {
    const auto& item = plan_.items[task.item];
    auto& load = loads_[task.item];
    mongo::Inserter inserter(connection, item.load_into,
                             {.keep_order = load.reading->in_order(),
                              .overwrite = item.merge && options_.existing == OnExisting::kOverwrite,
                              .plain = !plan_.target.product.empty(),
                              .write_concern = options_.write_concern});
    Loaded mine;
    Bytes scratch;
    let_pass_duplicates(inserter, item, load, mine);
    uint64_t reported = 0;
    const bool loaded = item.begun && item.begun->loaded;
    bool send = !loaded && !(item.begun && !load.reading->merged() && item.begun->blobs.cover(task.first, task.last));
    const auto insert = [&](ByteView document) -> Status {
      if (document.size() > mongo::kMaxDocumentBytes) return leave_out(document, mine);
      mine.as_stored.add(bson::as_stored(document, scratch));
      if (load.loaded.order) load.loaded.order->add(document);  // by this thread alone
      if (send) TRY(inserter.add(document, cancel));
      if (mine.as_stored.bytes - reported > kReportEach) {
        report(item, mine.as_stored.documents, mine.as_stored.bytes - reported);
        reported = mine.as_stored.bytes;
      }
      return {};
    };
    TRY(load.reading->part(task.first, task.last, insert, cancel));
    if (--load.unread == 0) {
      send = !loaded;
      TRY(load.reading->finish(insert, cancel));
    }
    TRY(inserter.flush(cancel));
    TRY(note(connection, task, mine, cancel));
    report(item, 0, mine.as_stored.bytes - reported);
    documents_ += mine.as_stored.documents;
    {
      std::lock_guard lock(load.mutex);
      load.loaded.as_stored += mine.as_stored;
      load.loaded.refused += mine.refused;
      std::ranges::move(mine.too_large, std::back_inserter(load.loaded.too_large));
    }
    if (--load.unsent > 0) return {};
    progress_.loaded(task.item);
    complete_(task.item);
    return {};
  }

  /// Some came to be with an upgrade or lie in a dump; a server ends the connection of who sends one.
  static Status leave_out(ByteView document, Loaded& mine) {
    mine.too_large.push_back(
        fmt::format("the document with _id {} has {} bytes", mongo::id_text(document), document.size()));
    return {};
  }

  /// Everything of the task is confirmed. A part of an ordered or merged collection says nothing about the others.
  Status note(mongo::Connection& connection, const Task& task, const Loaded& mine, const Cancel& cancel) {
    auto& load = loads_[task.item];
    if (!load.reading->in_order() && !load.reading->merged()) {
      TRY(progress_.loaded_part(connection, task.item, task.first, task.last, mine.as_stored.bytes, cancel));
    }
    return {};
  }

  /// A document that was deleted and inserted again while a standalone's collection was read, or dumped without an
  /// oplog, may have been met in both places. Where there is an oplog, it decides; anywhere else it would be damage.
  /// In a merge, what the target has already stays.
  /// Where a restore goes on, what it has sent may be there; whether it is the same, the proof shows.
  void let_pass_duplicates(mongo::Inserter& inserter, const RestorePlan::Item& item, const Load& load, Loaded& mine) {
    if (item.begun || item.fill) return inserter.on_duplicate([](ByteView) {});
    const bool met_twice = moment_.backup().manifest().may_repeat() && !load.reading->in_order();
    if (options_.existing == OnExisting::kOverwrite || (!met_twice && !item.merge)) return;
    inserter.on_duplicate([&mine](ByteView document) {
      bson::Digest refused;
      refused.add(document);
      mine.as_stored -= refused;
      ++mine.refused;
    });
  }

  void report(const RestorePlan::Item& item, uint64_t underway, uint64_t bytes) {
    bytes_ += bytes;
    Progress progress;
    progress.action = "restore";
    progress.item = item.name.text();
    progress.documents = documents_ + underway;
    progress.bytes = bytes_;
    progress.bytes_total = plan_.bytes;
    reporter_.progress(progress);
  }

  BackupMoment& moment_;
  const RestorePlan& plan_;
  const RestoreOptions& options_;
  RestoreProgress& progress_;
  const std::function<void(size_t)>& complete_;
  Reporter& reporter_;
  std::vector<Load> loads_;  // of the plan's items
  std::vector<Task> tasks_;
  std::atomic<uint64_t> bytes_{0}, documents_{0};
};

}  // namespace

Result<std::vector<Loaded>> load_collections(BackupMoment& moment, const RestorePlan& plan,
                                             const RestoreOptions& options, RestoreProgress& progress,
                                             const std::function<void(size_t)>& complete, Reporter& reporter,
                                             const Cancel& cancel) {
  return Loader(moment, plan, options, progress, complete, reporter).run(cancel);
}

}  // namespace varve::job
