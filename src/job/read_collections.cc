#include "job/read_collections.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "bson/id_key.h"
#include "job/workers.h"
#include "mongo/cursor.h"

namespace varve::job {

std::string_view text_of(How how) {
  switch (how) {
    case How::kWindow:
      return "window";
    case How::kSnapshot:
      return "snapshot";
    case How::kFallBack:
      return "fallback";
  }
  return "";
}

/// What the readers share.
struct CollectionReaders::Work {
  const ReadOptions options;
  ReadMember& member;
  repo::Writer& writer;
  Reporter& reporter;
  std::vector<ReadCollection> collections{};
  uint64_t bytes_total = 0;
  std::atomic<uint64_t> documents{0}, bytes{0}, done{0};
  std::atomic<bool> too_old{false};  // so nothing more can be read at that time
  std::mutex mutex{};
  bson::Timestamp newest{};

  void saw(bson::Timestamp write) {
    std::lock_guard lock(mutex);
    newest = std::max(newest, write);
  }
};

namespace {

mongo::ReadSpec spec_for(const PlannedCollection& plan, bool majority) {
  mongo::ReadSpec spec;
  spec.db = plan.info.ns.db;
  spec.collection = plan.info.ns.collection;
  if (plan.info.by_uuid) spec.uuid = plan.info.uuid;
  spec.majority = majority;
  return spec;
}

// Times that a collection is begun again: a capped one that is written to faster than it is read, one whose cursor the
// server has ended, or whose member was lost.
constexpr int kBegunAgain = 5;
constexpr const char* kTooOld = "the server no longer had its state of that time";

/// {_id: that of the document}
bson::Document id_of(ByteView document) {
  bson::Builder id;
  if (const auto element = bson::View(document).find("_id")) id.add("_id", *element);
  return id.finish();
}

bool has_id(ByteView document, bson::View id) {
  const auto one = bson::View(document).find("_id");
  const auto other = id.find("_id");
  Bytes one_scratch, other_scratch;
  return one && other && std::ranges::equal(bson::id_key(*one, one_scratch), bson::id_key(*other, other_scratch));
}

std::string reason_of(const Error& refusal) {
  if (mongo::Cursor::too_old(refusal)) return kTooOld;
  if (mongo::Cursor::vanished(refusal)) return "dropped, renamed or changed since";
  return refusal.message();
}

}  // namespace

class CollectionReaders::Reader {
 public:
  Reader(Work& work, MemberConnection& connection, const Cancel& cancel)
      : work_(work), connection_(connection), cancel_(cancel) {}

  Status read(ReadCollection& collection, const std::optional<ReadTime>& at) {
    if (collection.plan.info.has_data()) TRY(at ? read_at(collection, *at) : read_as_it_comes(collection));
    ++work_.done;
    return {};
  }

 private:
  Status read_at(ReadCollection& collection, const ReadTime& at) {
    collection.how = How::kSnapshot;
    if (at.was_dropped(collection.plan.info.uuid)) return nothing_of(collection, "dropped before it was read");
    collection.refusal = kTooOld;
    if (!work_.too_old) {
      auto spec = spec_for(collection.plan, work_.options.majority);
      spec.at = at.time;
      const auto status = read_documents(collection, spec);
      if (status) {
        collection.refusal.clear();
        return {};
      }
      if (!mongo::Cursor::refused_at_time(status.error())) return status;
      if (mongo::Cursor::too_old(status.error())) work_.too_old = true;
      collection.refusal = reason_of(status.error());
    }
    collection.how = How::kFallBack;
    TRY(read_as_it_comes(collection));
    if (collection.note.empty()) collection.note = "read over a window: " + collection.refusal;
    return {};
  }

  Status read_as_it_comes(ReadCollection& collection) {
    const auto status = read_documents(collection, spec_for(collection.plan, work_.options.majority));
    if (status || !mongo::Cursor::vanished(status.error())) return status;
    TRY(note_applied());
    collection.gone = true;
    collection.note = "dropped or renamed while it was read (" + status.error().message() + ")";
    return collection.file->finish();
  }

  /// What tells that a collection is gone may not be majority-committed yet, and the window has to go on to there.
  Status note_applied() {
    if (work_.options.since == bson::Timestamp{}) return {};
    const auto note = [this](mongo::Connection& connection) -> Status {
      TRY_ASSIGN(const auto position, mongo::position(connection, cancel_));
      work_.saw(position.applied);
      return {};
    };
    return connection_.run(note, cancel_);
  }

  Status nothing_of(ReadCollection& collection, std::string note) {
    collection.note = std::move(note);
    return begin_file(collection).finish();
  }

  /// What an earlier reading of it had counted does not count any more.
  DocumentFile& begin_file(ReadCollection& collection) {
    if (collection.file) {
      work_.documents -= collection.file->digest().documents;
      work_.bytes -= collection.file->digest().bytes;
    }
    collection.file =
        std::make_unique<DocumentFile>(work_.writer, work_.options.cut_key, collection.plan.average_chunk);
    return *collection.file;
  }

  /// All of it, over as many cursors as it takes.
  Status read_documents(ReadCollection& collection, mongo::ReadSpec spec) {
    begin_file(collection);
    TRY(connection_.run([&](auto& connection) { return decide_order(connection, spec, collection.plan, cancel_); },
                        cancel_));
    const bool resumes = can_resume(spec, collection.plan.info);
    TRY(wait_until_it_has(spec, /*begun_again=*/false));
    for (int begun = 1;; ++begun) {
      const auto counted = collection.file->digest().documents;
      auto status = read_cursor(spec, collection);
      if (status) return collection.file->finish();
      if (!can_go_on(status.error())) return status;
      if (collection.file->digest().documents > counted && resumes) begun = 0;  // it gets on
      if (begun > kBegunAgain) return status;
      if (mongo::is_lost(status.error())) TRY(connection_.go_on(status.error(), cancel_));
      TRY(wait_until_it_has(spec, /*begun_again=*/true));
      if (resumes) continue;
      begin_file(collection);
      spec.from = bson::Document();
    }
  }

  /// The first member was at T0, and at the time chosen, before reading began. Another one may be behind, and so may
  /// the same one after a restart.
  Status wait_until_it_has(mongo::ReadSpec& spec, bool begun_again) {
    const auto since = work_.options.since;
    if (since == bson::Timestamp{} || (!begun_again && connection_.turn() == 0)) return {};
    if (!spec.at) spec.after_cluster_time = since;
    const auto at_least = spec.at.value_or(since);
    return connection_.run(
        [&](auto& connection) { return mongo::wait_for_majority(connection, at_least, kMajorityPatience, cancel_); },
        cancel_);
  }

  bool can_go_on(const Error& error) const {
    if (store_failed_) return false;
    return mongo::is_lost(error) || mongo::Cursor::expired(error) || mongo::Cursor::overtaken(error);
  }

  /// Whether another cursor can go on at an `_id`: where that index has the order that `_id`s have by themselves.
  static bool can_resume(const mongo::ReadSpec& spec, const mongo::CollectionInfo& info) {
    const auto options = info.options.view();
    return spec.order == mongo::ReadOrder::kId && !options.find("collation") && !options.find("clusteredIndex");
  }

  static Status decide_order(mongo::Connection& connection, mongo::ReadSpec& spec, PlannedCollection& plan,
                             const Cancel& cancel) {
    if (!plan.order) {
      TRY_ASSIGN(const bool follows, mongo::id_follows_natural_order(connection, spec, cancel));
      plan.order = follows ? collection::Order::kId : collection::Order::kNatural;
    }
    spec.order = *plan.order == collection::Order::kId ? mongo::ReadOrder::kId : mongo::ReadOrder::kNatural;
    return {};
  }

  /// Adds what one cursor gives to the collection's file, and has `spec` begin at the last document then. A capped
  /// collection is paid for in the end: while its cursor waits, its documents are pushed out.
  Status read_cursor(mongo::ReadSpec& spec, ReadCollection& collection) {
    auto& file = *collection.file;
    const bool capped = collection.plan.info.options.view().truthy("capped");
    TRY_ASSIGN(auto cursor, mongo::Cursor::open(*connection_, spec, cancel_));
    bool again = !spec.from.view().empty();  // the first document may be the last one of the cursor before
    for (bool more = true; more;) {
      const auto before = file.digest();
      ByteView last;
      const auto add = [&](ByteView document) -> Status {
        if (std::exchange(again, false) && has_id(document, spec.from)) return {};
        last = document;
        auto status = file.add(document);
        store_failed_ = !status;
        return status;
      };
      TRY_ASSIGN(more, cursor.next(add, cancel_));
      if (!last.empty()) spec.from = id_of(last);
      work_.saw(cursor.operation_time());
      const uint64_t came = file.digest().bytes - before.bytes;
      work_.documents += file.digest().documents - before.documents;
      work_.bytes += came;
      report(collection.plan.info.ns.text());
      const uint64_t due = capped ? (more ? 0 : file.digest().bytes) : came;
      if (work_.options.limit && due > 0) TRY(work_.options.limit->pay(due, cancel_));
    }
    return {};
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
    const auto stored = work_.writer.stats();
    progress.bytes_new = stored.plain_bytes_new;
    progress.bytes_known = stored.plain_bytes_known;
    work_.reporter.progress(progress);
  }

  Work& work_;
  MemberConnection& connection_;
  const Cancel& cancel_;
  bool store_failed_ = false;  // so that an error is not the server's
};

CollectionReaders::CollectionReaders(std::vector<PlannedCollection> plan, ReadOptions options, ReadMember& member,
                                     repo::Writer& writer, Reporter& reporter)
    : work_(new Work{std::move(options), member, writer, reporter}) {
  for (auto& planned : plan) {
    work_->bytes_total += planned.info.bytes;
    work_->collections.push_back({.plan = std::move(planned)});
  }
}

CollectionReaders::~CollectionReaders() = default;

Status CollectionReaders::read(const Which& which, const std::optional<ReadTime>& at, const Cancel& cancel) {
  std::vector<ReadCollection*> picked;
  for (auto& collection : work_->collections) {
    if (which(collection.plan)) picked.push_back(&collection);
  }
  const auto open = [this](const Cancel& stop) { return MemberConnection::open(work_->member, stop); };
  const auto step = [&](MemberConnection& connection, size_t index, const Cancel& stop) -> Status {
    TRY(connection.keep_up(stop));
    return Reader(*work_, connection, stop).read(*picked[index], at);
  };
  return for_each_opened(work_->options.readers, picked.size(), open, step, cancel);
}

bson::Timestamp CollectionReaders::newest() const {
  std::lock_guard lock(work_->mutex);
  return work_->newest;
}

std::vector<ReadCollection>& CollectionReaders::collections() {
  return work_->collections;
}

uint64_t CollectionReaders::bytes_total() const {
  return work_->bytes_total;
}

}  // namespace varve::job
