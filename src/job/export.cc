#include "job/export.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/task_group.h"

namespace varve::job {

namespace {

constexpr unsigned kWorkers = 2;

/// What mongorestore wants of an archive before anything else; the first other namespace ends its patience.
bool is_cached_by_readers(const bson::Namespace& ns) {
  return ns.db == "admin" &&
         (ns.collection == "system.users" || ns.collection == "system.roles" || ns.collection == "system.version");
}

class Export {
 public:
  Export(const ExportSource& source, dump::DumpWriter& writer, Reporter& reporter)
      : source_(source), writer_(writer), reporter_(reporter), total_(source.room().most) {}

  Result<ExportResult> run(const Cancel& cancel) {
    TRY_ASSIGN(const auto contents, source_.contents(cancel));
    TRY(writer_.begin(contents));
    std::vector<size_t> first, rest;
    for (size_t i = 0; i < source_.items().size(); ++i) {
      (is_cached_by_readers(source_.items()[i].ns) ? first : rest).push_back(i);
    }
    std::ranges::stable_sort(rest, std::greater{}, [this](size_t i) { return source_.items()[i].bytes; });
    for (const size_t item : first) TRY(write(item, cancel));
    TRY(write_all(rest, cancel));
    TRY(write_stream(
        dump::kOplog, [this](const auto& visit, const Cancel& stop) { return source_.read_oplog(visit, stop); },
        cancel));
    result_.losses = source_.losses(cancel);
    for (const auto& ns : writer_.misread()) {
      result_.losses.push_back(ns.text() + ": mongorestore misreads so long a name in a folder; --archive takes it");
    }
    TRY(cancel.check());
    TRY(writer_.finish());  // last, since what has its place then stays
    result_.files = writer_.files();
    return std::move(result_);
  }

 private:
  Status write_all(const std::vector<size_t>& items, const Cancel& cancel) {
    std::atomic<size_t> next{0};
    TaskGroup group(cancel);
    for (unsigned i = 0; i < (writer_.takes_several_streams() ? kWorkers : 1); ++i) {
      group.spawn([&](const Cancel& stop) -> Status {
        for (size_t n; (n = next++) < items.size();) TRY(write(items[n], stop));
        return {};
      });
    }
    return group.wait();
  }

  Status write(size_t item, const Cancel& cancel) {
    return write_stream(
        source_.items()[item].ns,
        [&](const auto& visit, const Cancel& stop) { return source_.read(item, visit, stop); }, cancel);
  }

  template <typename Read>
  Status write_stream(const bson::Namespace& ns, const Read& read, const Cancel& cancel) {
    TRY_ASSIGN(const auto stream, writer_.open(ns));
    const ExportSource::Visit visit = [&](ByteView documents) -> Status {
      TRY(stream->write(documents));
      report(ns, documents.size());
      return {};
    };
    TRY(read(visit, cancel));
    return stream->finish();
  }

  void report(const bson::Namespace& ns, uint64_t bytes) {
    std::lock_guard lock(mutex_);
    result_.bytes += bytes;
    result_.holds_credentials |= bytes > 0 && ns == bson::Namespace{"admin", "system.users"};
    reporter_.progress({.action = "export",
                        .item = ns == dump::kOplog ? "oplog" : ns.text(),
                        .bytes = result_.bytes,
                        .bytes_total = total_});
  }

  const ExportSource& source_;
  dump::DumpWriter& writer_;
  Reporter& reporter_;
  const uint64_t total_;
  std::mutex mutex_;  // guards result_
  ExportResult result_;
};

}  // namespace

Result<ExportResult> export_dump(const ExportSource& source, dump::DumpWriter& writer, Reporter& reporter,
                                 const Cancel& cancel) {
  return Export(source, writer, reporter).run(cancel);
}

Room room_for(const ExportSource& source, bool gzip) {
  constexpr uint64_t kDeflateAtBest = 1032;  // its longest match, 258 bytes, in two bits
  auto room = source.room();
  if (gzip) room.least /= kDeflateAtBest;
  return room;
}

}  // namespace varve::job
