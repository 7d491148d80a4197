#include "job/read_collections.h"

#include <atomic>

#include "job/workers.h"
#include "mongo/cursor.h"

namespace varve::job {

namespace {

/// What the readers share.
struct Work {
  std::vector<ReadCollection> collections;
  std::atomic<uint64_t> documents{0}, bytes{0}, done{0};
  uint64_t bytes_total = 0;
};

mongo::ReadSpec spec_for(const PlannedCollection& plan, bool majority) {
  mongo::ReadSpec spec;
  spec.db = plan.info.ns.db;
  spec.collection = plan.info.ns.collection;
  spec.uuid = plan.info.uuid;
  spec.majority = majority;
  return spec;
}

class Reader {
 public:
  Reader(Work& work, const ReadOptions& options, repo::Writer& writer, Reporter& reporter)
      : work_(work), options_(options), writer_(writer), reporter_(reporter) {}

  Status read(mongo::Connection& connection, ReadCollection& collection, const Cancel& cancel) {
    if (collection.plan.info.has_data()) TRY(read_data(connection, collection, cancel));
    ++work_.done;
    return {};
  }

 private:
  Status read_data(mongo::Connection& connection, ReadCollection& collection, const Cancel& cancel) {
    auto spec = spec_for(collection.plan, options_.majority);
    auto status = decide_order(connection, spec, collection.plan, cancel);
    if (status) {
      collection.file = std::make_unique<DocumentFile>(writer_, options_.cut_key, collection.plan.average_chunk);
      status = read_documents(connection, spec, *collection.file, collection.plan.info.ns.text(), cancel);
    }
    if (!status && mongo::Cursor::vanished(status.error())) {
      if (!collection.file) {
        collection.file = std::make_unique<DocumentFile>(writer_, options_.cut_key, collection.plan.average_chunk);
      }
      collection.note = "dropped or renamed while it was read (" + status.error().message() + ")";
      return collection.file->finish();
    }
    return status;
  }

  Status decide_order(mongo::Connection& connection, mongo::ReadSpec& spec, PlannedCollection& plan,
                      const Cancel& cancel) {
    if (!plan.order) {
      TRY_ASSIGN(const bool follows, mongo::id_follows_natural_order(connection, spec, cancel));
      plan.order = follows ? collection::Order::kId : collection::Order::kNatural;
    }
    spec.order = *plan.order == collection::Order::kId ? mongo::ReadOrder::kId : mongo::ReadOrder::kNatural;
    return {};
  }

  Status read_documents(mongo::Connection& connection, const mongo::ReadSpec& spec, DocumentFile& file,
                        const std::string& name, const Cancel& cancel) {
    TRY_ASSIGN(auto cursor, mongo::Cursor::open(connection, spec, cancel));
    for (bool more = true; more;) {
      const auto before = file.digest();
      TRY_ASSIGN(more, cursor.next([&](ByteView document) { return file.add(document); }, cancel));
      work_.documents += file.digest().documents - before.documents;
      work_.bytes += file.digest().bytes - before.bytes;
      report(name);
    }
    return file.finish();
  }

  void report(const std::string& name) {
    Progress progress;
    progress.action = "backup";
    progress.item = name;
    progress.documents = work_.documents;
    progress.bytes = work_.bytes;
    progress.bytes_total = work_.bytes_total;
    progress.items = work_.done;
    progress.items_total = work_.collections.size();
    const auto stored = writer_.stats();
    progress.bytes_new = stored.plain_bytes_new;
    progress.bytes_known = stored.plain_bytes_known;
    reporter_.progress(progress);
  }

  Work& work_;
  const ReadOptions& options_;
  repo::Writer& writer_;
  Reporter& reporter_;
};

}  // namespace

Result<std::vector<ReadCollection>> read_collections(std::vector<PlannedCollection> plan, const ReadOptions& options,
                                                     repo::Writer& writer, Reporter& reporter, const Cancel& cancel) {
  Work work;
  for (auto& planned : plan) {
    work.bytes_total += planned.info.bytes;
    work.collections.push_back({std::move(planned), nullptr, {}});
  }
  Reader reader(work, options, writer, reporter);
  const auto step = [&](mongo::Connection& connection, size_t index, const Cancel& stop) {
    return reader.read(connection, work.collections[index], stop);
  };
  TRY(for_each_connected(options.uri, options.readers, work.collections.size(), step, cancel));
  return std::move(work.collections);
}

}  // namespace varve::job
