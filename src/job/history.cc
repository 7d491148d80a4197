#include "job/history.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "bson/scope.h"
#include "moment/operations.h"

namespace varve::job {

namespace {

using bson::OplogKind;
using bson::Timestamp;

/// The word for it; nothing for what nobody looks for.
const char* word_for(OplogKind kind) {
  switch (kind) {
    case OplogKind::kInsert:
      return "insert";
    case OplogKind::kUpdate:
      return "update";
    case OplogKind::kDelete:
      return "delete";
    case OplogKind::kCreate:
      return "create";
    case OplogKind::kDrop:
      return "drop";
    case OplogKind::kDropDatabase:
      return "dropDatabase";
    case OplogKind::kRename:
      return "rename";
    case OplogKind::kCollMod:
      return "collMod";
    case OplogKind::kConvertToCapped:
      return "convertToCapped";
    case OplogKind::kEmptyCapped:
      return "emptyCapped";
    case OplogKind::kCreateIndexes:
    case OplogKind::kCommitIndexBuild:
      return "createIndex";
    case OplogKind::kDropIndexes:
      return "dropIndex";
    default:
      return nullptr;
  }
}

bool is_of_documents(OplogKind kind) {
  return kind == OplogKind::kInsert || kind == OplogKind::kUpdate || kind == OplogKind::kDelete;
}

std::string index_names(const bson::OplogEntry& entry) {
  if (entry.kind != OplogKind::kCommitIndexBuild) {
    const auto name = entry.o.string(entry.kind == OplogKind::kDropIndexes ? "index" : "name");
    return std::string(name.value_or(""));
  }
  std::string names;
  const auto list = entry.o.array("indexes");
  if (!list) return names;
  auto specs = list->elements();
  while (const auto spec = specs.next()) {
    const auto document = spec->as_document();
    if (!document) continue;
    names += (names.empty() ? "" : ", ") + std::string(document->string("name").value_or(""));
  }
  return names;
}

std::string detail_of(const bson::OplogEntry& entry) {
  switch (entry.kind) {
    case OplogKind::kRename:
      return fmt::format("to {}{}", entry.rename_to.text(),
                         entry.drop_target || entry.drops_target ? ", in the place of what had that name" : "");
    case OplogKind::kCreateIndexes:
    case OplogKind::kCommitIndexBuild:
    case OplogKind::kDropIndexes:
      return index_names(entry);
    default:
      return "";
  }
}

class History {
 public:
  History(const OplogArchive& archive, const HistoryOptions& options,
          const std::function<Status(const HistoryEvent&)>& visit)
      : archive_(archive), options_(options), visit_(visit) {}

  Result<HistoryResult> run(const Cancel& cancel) {
    TRY_ASSIGN(auto spill, moment::Spill::open(options_.memory.spill_folder, options_.memory.memory));
    pool_.emplace(std::move(spill), options_.memory.memory);
    TRY_ASSIGN(const auto from, beginning(cancel));
    const auto take = [&](const StoredSlice& slice) { return take_slice(slice, cancel); };
    TRY(archive_.each_slice(from, take, cancel));
    TRY(tell_minute());
    judge_ends();
    return std::move(result_);
  }

 private:
  /// Transactions that were open at `since` began before: there reading begins, if it is stored.
  Result<Timestamp> beginning(const Cancel& cancel) {
    if (!options_.since) return Timestamp{};
    std::optional<StoredSlice> first;
    const auto take_first = [&](const StoredSlice& slice) -> Result<bool> {
      first = slice;
      return false;
    };
    TRY(archive_.each_slice(*options_.since, take_first, cancel));
    if (!first) return *options_.since;
    // The one before it, at whose end they were open.
    Timestamp from = std::min(*options_.since, first->span.after);
    TRY(archive_.each_slice(first->span.after, take_first, cancel));
    const auto info = archive_.info(*first, cancel);
    if (info && info->oldest_open != Timestamp{}) from = std::min(from, info->oldest_open);
    return from;
  }

  Result<bool> take_slice(const StoredSlice& slice, const Cancel& cancel) {
    const bool undecided = operations_ && operations_->undecided() > 0;
    if (options_.until && slice.span.after >= *options_.until && !undecided) return false;
    ++result_.slices;
    TRY_ASSIGN(const auto info, archive_.info(slice, cancel));
    if (!operations_) {
      result_.from = slice.span.after;
      begin_at(slice.span.after);
    } else if (slice.span.after > result_.to) {
      remark(fmt::format("nothing is known between {} and {}: {}", result_.to.text(), slice.span.after.text(),
                         info.gap.empty() ? "slices are missing from the repository" : info.gap));
      begin_at(slice.span.after);
      dropping_.clear();
    }
    const auto known = result_.to;
    result_.to = slice.span.last;
    if (!may_matter(info)) {
      for (const auto& [ns, counts] : info.operations) dropping_.erase(ns.db);
      return true;
    }
    ++result_.slices_read;
    result_.bytes_read += slice.data.size;
    TRY(archive_.each_entry(
        slice,
        [&](ByteView entry) -> Status {
          // The first one was in the slice before, whether that was read or had nothing that matters.
          const bool repeated = bson::View(entry).timestamp("ts").value_or(Timestamp{}) <= known;
          return repeated ? Status() : take_entry(entry);
        },
        cancel));
    return true;
  }

  /// What of the time asked for lies outside of the archive.
  void judge_ends() {
    if (result_.slices == 0) return remark("nothing is archived of that time");
    if (options_.since && *options_.since < result_.from) {
      remark(fmt::format("what is archived of that time begins at {}", result_.from.text()));
    }
    if (options_.until && result_.to < *options_.until) {
      remark(fmt::format("what is archived of that time ends at {}", result_.to.text()));
    }
  }

  void remark(std::string sentence) {
    constexpr size_t kMostRemarks = 20;
    if (result_.remarks.size() < kMostRemarks) result_.remarks.push_back(std::move(sentence));
  }

  void begin_at(Timestamp known) { operations_.emplace(*pool_, std::nullopt, known); }

  /// Whether anything in the slice may be looked for; while a transaction is open its later parts may.
  bool may_matter(const collection::SliceInfo& info) const {
    if (operations_->unfinished() > 0 || info.oldest_open != Timestamp{}) return true;
    return std::ranges::any_of(info.operations, [&](const auto& of) {
      const auto& [ns, counts] = of;
      const bool named = options_.filter.takes(bson::logical(ns)) || counts.commands > 0;  // a rename has two names
      return named && ((counts.commands > 0 && wants_commands()) || (counts.inserts > 0 && wants("insert")) ||
                       (counts.updates > 0 && wants("update")) || (counts.deletes > 0 && wants("delete")));
    });
  }

  bool wants(const std::string& deed) const { return options_.deeds.empty() || options_.deeds.contains(deed); }
  bool wants_commands() const {
    return std::ranges::any_of(all_deeds(), [&](const Deed& deed) { return !deed.of_documents && wants(deed.name); });
  }

  /// What this version does not understand is no reason not to tell of the rest.
  Status take_entry(ByteView entry) {
    std::optional<Error> visited;
    const auto sink = [&](const moment::Operation& operation) -> Status {
      auto told = tell(operation);
      if (!told) visited = told.error();
      return told;
    };
    auto taken = operations_->take(bson::View(entry), sink);
    if (taken) return {};
    if (visited) return fail(*visited);
    const auto kind = taken.error().kind();
    const bool of_the_entry =
        kind == ErrorKind::kUnsupported || kind == ErrorKind::kInconsistent || kind == ErrorKind::kCorrupt;
    if (!of_the_entry) return taken;
    remark(taken.error().message());
    operations_->forget_session(bson::View(entry));
    return {};
  }

  /// A server drops a database's collections one by one, and then says that it has dropped the database.
  std::optional<Timestamp> begin_of_drop(const bson::OplogEntry& entry, Timestamp at) {
    constexpr uint32_t kFollows = 60;  // seconds; a collection that users dropped earlier has nothing to do with it
    const auto chain = dropping_.find(entry.ns.db);
    if (chain != dropping_.end() && at.seconds > chain->second.last.seconds + kFollows) dropping_.erase(chain);
    if (entry.kind == OplogKind::kDrop) {
      dropping_.try_emplace(entry.ns.db, Drops{at, at}).first->second.last = at;
      return std::nullopt;
    }
    const auto begun = dropping_.find(entry.ns.db);
    if (begun == dropping_.end()) return std::nullopt;
    const auto first = begun->second.first;
    dropping_.erase(begun);
    return entry.kind == OplogKind::kDropDatabase ? std::optional(first) : std::nullopt;
  }

  Status tell(const moment::Operation& operation) {
    const auto& entry = operation.entry;
    const auto at = operation.effective;
    const char* const word = word_for(entry.kind);
    const auto begun = begin_of_drop(entry, at);
    if (word == nullptr || !wants(word) || bson::out_of_scope(entry.ns.db)) return {};
    if ((options_.since && at < *options_.since) || (options_.until && at > *options_.until)) return {};
    const bool taken = options_.filter.takes(bson::logical(entry.ns)) ||
                       (entry.kind == OplogKind::kRename && options_.filter.takes(bson::logical(entry.rename_to)));
    if (!taken) return {};
    if (is_of_documents(entry.kind)) return count(word, entry.ns, at);
    TRY(tell_minute());  // in the order in which it happened
    return visit_({.at = at, .deed = word, .ns = entry.ns, .detail = detail_of(entry), .count = 1, .begun = begun});
  }

  Status count(const char* word, const bson::Namespace& ns, Timestamp at) {
    constexpr uint32_t kMinute = 60;
    if (at.seconds / kMinute != minute_) TRY(tell_minute());
    minute_ = at.seconds / kMinute;
    const auto [found, first] = counted_.try_emplace({ns, word});
    auto& event = found->second;
    if (first) event = {.at = at, .deed = word, .ns = ns, .detail = "", .count = 0, .begun = {}};
    event.at = std::min(event.at, at);
    ++event.count;
    return {};
  }

  /// What was done to documents until now.
  Status tell_minute() {
    std::vector<HistoryEvent> events;
    for (auto& [key, event] : counted_) events.push_back(std::move(event));
    counted_.clear();
    std::ranges::sort(events, {}, &HistoryEvent::at);
    for (const auto& event : events) TRY(visit_(event));
    return {};
  }

  const OplogArchive& archive_;
  const HistoryOptions& options_;
  const std::function<Status(const HistoryEvent&)>& visit_;
  std::optional<moment::Pool> pool_;
  std::optional<moment::Operations> operations_;  // since the last gap
  struct Drops {
    Timestamp first, last;
  };
  std::map<std::string, Drops> dropping_;  // of each database the drops that came last
  uint32_t minute_ = 0;
  std::map<std::pair<bson::Namespace, std::string>, HistoryEvent> counted_;  // in that minute
  HistoryResult result_;
};

}  // namespace

const std::vector<Deed>& all_deeds() {
  static const std::vector<Deed> deeds = {
      {"insert", true},       {"update", true},        {"delete", true},           {"create", false},
      {"drop", false},        {"dropDatabase", false}, {"rename", false},          {"collMod", false},
      {"createIndex", false}, {"dropIndex", false},    {"convertToCapped", false}, {"emptyCapped", false}};
  return deeds;
}

Timestamp HistoryEvent::before() const {
  const auto first = begun.value_or(at);
  if (first.increment > 0) return {first.seconds, first.increment - 1};
  return {first.seconds - 1, UINT32_MAX};
}

Result<HistoryResult> history(const OplogArchive& archive, const HistoryOptions& options,
                              const std::function<Status(const HistoryEvent&)>& visit, const Cancel& cancel) {
  return History(archive, options, visit).run(cancel);
}

}  // namespace varve::job
