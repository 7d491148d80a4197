#include "job/read_set.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/task_group.h"
#include "mongo/server.h"

namespace varve::job {

namespace {

constexpr size_t kMostNames = 5;  // in a sentence

/// Capped collections cannot be read at a time before 8.0.
bool as_it_comes(const PlannedCollection& plan) {
  return plan.info.capped || !plan.info.has_data();
}

/// The steps in the order in which run() calls them.
class SetReader {
 public:
  SetReader(const SetToRead& set, OplogWindow& window, CollectionReaders& readers)
      : set_(set), window_(window), readers_(readers) {}

  Result<SetReading> run(const Cancel& cancel) {
    if (set_.at_one_time) {
      TRY(read_at_one_time(cancel));
    } else {
      TRY(readers_.read([](const auto&) { return true; }, std::nullopt, cancel));
    }
    TRY(end_window(cancel));
    return reading_;
  }

 private:
  Status read_at_one_time(const Cancel& cancel) {
    TRY(readers_.read(as_it_comes, std::nullopt, cancel));
    TRY(choose_time(cancel));
    const ReadTime at{reading_.read_at, [this](ByteView uuid) { return window_.was_dropped(uuid); }};
    TRY(readers_.read([](const auto& plan) { return !as_it_comes(plan); }, at, cancel));
    TRY(doubt_empty_ones(cancel));
    reading_.fell_back = std::ranges::any_of(readers_.collections(), [this](const auto& c) { return spoils(c); });
    return {};
  }

  /// Whether the moment cannot be the time chosen. A temporary that nobody had renamed by then is no part of it.
  bool spoils(const ReadCollection& collection) const {
    return collection.how == How::kFallBack &&
           (collection.plan.selected || window_.was_renamed(collection.plan.info.uuid));
  }

  /// At or after everything that was listed or read until now, and after the drop of what was found dropped.
  Status choose_time(const Cancel& cancel) {
    const auto choose = [&](mongo::Connection& connection) -> Status {
      TRY_ASSIGN(const auto position, mongo::position(connection, cancel));
      const auto at_least = std::max({position.majority, position.applied, set_.listed, readers_.newest()});
      TRY(mongo::wait_for_majority(connection, at_least, kMajorityPatience, cancel));
      TRY_ASSIGN(reading_.read_at, window_.choose_time(at_least, cancel));
      return window_.check_kept(connection, cancel);
    };
    return set_.connection.run(choose, cancel);
  }

  /// An empty answer counts only while the collection is still in the catalog (RULES 1).
  Status doubt_empty_ones(const Cancel& cancel) {
    std::map<std::string, std::vector<ReadCollection*>> empty;
    for (auto& collection : readers_.collections()) {
      const bool doubtful = collection.how == How::kSnapshot && collection.file->digest().documents == 0 &&
                            !window_.was_dropped(collection.plan.info.uuid);
      if (doubtful) empty[collection.plan.info.ns.db].push_back(&collection);
    }
    for (const auto& [db, collections] : empty) {
      std::set<std::string> known;
      const auto ask = [&](mongo::Connection& connection) -> Status {
        TRY_ASSIGN(known, mongo::collection_uuids(connection, db, cancel));
        return {};
      };
      TRY(set_.connection.run(ask, cancel));
      for (auto* collection : collections) {
        if (known.contains(std::string(as_text(collection->plan.info.uuid)))) continue;
        collection->how = How::kFallBack;
        collection->gone = true;
        collection->refusal = collection->note = "dropped while it was read";
      }
    }
    return {};
  }

  /// Ends the window after the last read, and waits until all of it is majority-committed: the documents were when they
  /// were read, the catalog and the newest entries of the oplog may not have been.
  Status end_window(const Cancel& cancel) {
    const auto end = [&](mongo::Connection& connection) -> Status {
      if (reading_.read_at != bson::Timestamp{} && !reading_.fell_back) {
        reading_.moment = window_.end_at_time();
      } else {
        // What was found dropped or renamed is only sure to be in the oplog up to the newest entry applied.
        TRY_ASSIGN(const auto position, mongo::position(connection, cancel));
        const auto read = std::max({position.majority, position.applied, set_.listed, readers_.newest()});
        reading_.moment = window_.end(read);
      }
      return mongo::wait_for_majority(connection, reading_.moment, kMajorityPatience, cancel);
    };
    return set_.connection.run(end, cancel);
  }

  const SetToRead& set_;
  OplogWindow& window_;
  CollectionReaders& readers_;
  SetReading reading_;
};

}  // namespace

Result<SetReading> read_set(const SetToRead& set, OplogWindow& window, CollectionReaders& readers,
                            const Cancel& cancel) {
  Result<SetReading> reading = SetReading{};
  TaskGroup group(cancel);
  group.spawn([&](const Cancel& stop) { return window.follow(stop); });
  group.spawn([&](const Cancel& stop) -> Status {
    TRY_ASSIGN(reading, SetReader(set, window, readers).run(stop));
    return {};
  });
  TRY(group.wait());
  if (reading->moment == reading->read_at) return reading;
  const auto check = [&](mongo::Connection& connection) { return window.check_kept(connection, cancel); };
  TRY(set.connection.run(check, cancel));
  return reading;
}

std::vector<std::string> fall_back_remarks(const std::vector<ReadCollection>& collections) {
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& collection : collections) {
    if (collection.how == How::kFallBack) by_reason[collection.refusal].push_back(collection.plan.info.ns.text());
  }
  std::vector<std::string> remarks;
  for (auto& [reason, names] : by_reason) {
    std::ranges::sort(names);
    const size_t more = names.size() > kMostNames ? names.size() - kMostNames : 0;
    names.resize(names.size() - more);
    remarks.push_back(fmt::format("read over a window, not at one time: {}{} ({})", fmt::join(names, ", "),
                                  more > 0 ? fmt::format(" and {} more", more) : "", reason));
  }
  return remarks;
}

}  // namespace varve::job
