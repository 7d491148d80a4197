#include "job/restore_progress.h"

#include <algorithm>
#include <set>

#include "mongo/documents.h"
#include "mongo/names.h"

namespace varve::job {

namespace {

constexpr uint64_t kWriteEach = 32u << 20;
constexpr size_t kNamedTooLarge = 50;  // so that the notes of many collections fit into one command
const bson::Namespace kRuns{std::string(kStateDatabase), "runs"};
const bson::Namespace kCollections{std::string(kStateDatabase), "collections"};

CollectionState first_state(const RestorePlan::Item& item) {
  if (item.begun) return *item.begun;
  CollectionState state;
  state.name = item.name;
  state.into = item.load_into;
  state.there = item.exists && !item.fill && !item.redo;
  state.merge = item.merge;
  if (item.redo) state.uuid = *item.redo;  // until it is dropped it is known by that
  return state;
}

/// By what a collection is known again: a time-series has no UUID but that of its buckets.
const Bytes& uuid_of(const RestorePlan::Item& item, const mongo::Names& names) {
  static const Bytes none;
  const auto found = names.find(item.entry->type == "timeseries" ? bson::buckets_of(item.load_into) : item.load_into);
  return found == names.end() ? none : found->second.uuid;
}

}  // namespace

Result<std::vector<Unfinished>> unfinished_restores(mongo::Connection& connection, const Cancel& cancel) {
  const auto runs = mongo::read_documents(connection, kRuns, cancel);
  if (!runs && runs.error().kind() == ErrorKind::kDenied) return std::vector<Unfinished>{};
  TRY(runs);
  TRY_ASSIGN(const auto collections, mongo::read_documents(connection, kCollections, cancel));
  return decode_state(*runs, collections);
}

RestoreProgress::RestoreProgress(const RestorePlan& plan, std::string write_concern)
    : plan_(plan), write_concern_(std::move(write_concern)), dirty_(plan.items.size(), true) {
  for (const auto& item : plan.items) states_.push_back(first_state(item));
}

Status RestoreProgress::begin(mongo::Connection& connection, const Cancel& cancel) {
  TRY(remove_left_over(connection, cancel));
  const std::vector<bson::Document> run{encode_run(plan_.run)};
  TRY(mongo::put_documents(connection, kRuns, run, write_concern_, cancel));
  std::lock_guard lock(mutex_);
  begun_ = true;
  return write_dirty(connection, cancel);
}

Status RestoreProgress::remove_left_over(mongo::Connection& connection, const Cancel& cancel) {
  std::set<bson::Namespace> ours;
  std::set<std::string> databases;
  for (const auto& item : plan_.items) {
    if (!item.merge) ours.insert(item.name);
    databases.insert(item.name.db);
  }
  TRY_ASSIGN(const auto names, mongo::list_names(connection, databases, cancel));
  std::vector<bson::Document> runs, collections;
  for (const auto& [run, left] : plan_.unfinished) {
    const bool own = run.id == plan_.run.id;
    if (own && plan_.resumed) continue;
    size_t stay = 0;
    for (const auto& [name, state] : left) {
      if (!own && !ours.contains(name)) {
        ++stay;
        continue;
      }
      if (const auto found = names.find(state.into); state.into != name && found != names.end()) {
        TRY(drop_temporary(connection, state, found->second.uuid, cancel));
      }
      collections.push_back(encode_collection(run.id, state));
    }
    if (stay == 0) runs.push_back(encode_run(run));
  }
  TRY(mongo::remove_documents(connection, kCollections, collections, cancel));
  return mongo::remove_documents(connection, kRuns, runs, cancel);
}

/// One whose UUID was not noted was not loaded yet.
Status RestoreProgress::drop_temporary(mongo::Connection& connection, const CollectionState& state, const Bytes& uuid,
                                       const Cancel& cancel) {
  bool ours = state.uuid == uuid;
  if (state.uuid.empty()) {
    TRY_ASSIGN(ours, mongo::is_empty(connection, state.into, cancel));
  }
  return ours ? mongo::drop_collection(connection, state.into, cancel) : Status{};
}

Status RestoreProgress::created(mongo::Connection& connection, const Cancel& cancel) {
  std::set<std::string> databases;
  for (const auto& item : plan_.items) databases.insert(item.name.db);
  TRY_ASSIGN(const auto names, mongo::list_names(connection, databases, cancel));
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < states_.size(); ++i) {
      // What is filled was there: taken for ours, a next run might drop it.
      if (plan_.items[i].entry->type == "view" || plan_.items[i].fill) continue;
      states_[i].uuid = uuid_of(plan_.items[i], names);
      dirty_[i] = true;
    }
  }
  return flush(connection, cancel);
}

Status RestoreProgress::loaded_part(mongo::Connection& connection, size_t item, uint64_t first, uint64_t last,
                                    uint64_t bytes, const Cancel& cancel) {
  std::lock_guard lock(mutex_);
  if (!states_[item].merge) {
    states_[item].blobs.add(first, last);
    dirty_[item] = true;
  }
  bytes_ += bytes;
  return bytes_ < kWriteEach ? Status{} : write_dirty(connection, cancel);
}

void RestoreProgress::loaded(size_t item) {
  std::lock_guard lock(mutex_);
  if (states_[item].merge) return;
  states_[item].loaded = true;
  dirty_[item] = true;
  states_[item].blobs = {};
}

void RestoreProgress::verified(size_t item, const bson::Digest& documents, const std::vector<std::string>& too_large) {
  std::lock_guard lock(mutex_);
  if (states_[item].merge) return;
  states_[item].verified = true;
  dirty_[item] = true;
  states_[item].documents = documents.documents;
  states_[item].bytes = documents.bytes;
  const auto named = std::min(too_large.size(), kNamedTooLarge);
  states_[item].too_large.assign(too_large.begin(), too_large.begin() + static_cast<ptrdiff_t>(named));
  if (named < too_large.size())
    states_[item].too_large.push_back(std::to_string(too_large.size() - named) + " more documents are as large");
}

Status RestoreProgress::flush(mongo::Connection& connection, const Cancel& cancel) {
  std::lock_guard lock(mutex_);
  return write_dirty(connection, cancel);
}

Status RestoreProgress::write_dirty(mongo::Connection& connection, const Cancel& cancel) {
  if (!begun_) return {};  // nobody would find, or remove, what belongs to no run
  std::vector<bson::Document> documents;
  for (size_t i = 0; i < states_.size(); ++i) {
    if (dirty_[i]) documents.push_back(encode_collection(plan_.run.id, states_[i]));
  }
  if (documents.empty()) return {};
  // Before, so that nothing is written down that another primary has not got; after, since it may have come between.
  TRY(mongo::check_same_primary(connection, plan_.target, cancel));
  TRY(mongo::put_documents(connection, kCollections, documents, write_concern_, cancel));
  std::ranges::fill(dirty_, false);
  bytes_ = 0;
  auto same = mongo::check_same_primary(connection, plan_.target, cancel);
  if (!same) TRY(mongo::remove_documents(connection, kCollections, documents, cancel));
  return same;
}

Status RestoreProgress::end(mongo::Connection& connection, const Cancel& cancel) {
  std::vector<bson::Document> collections;
  for (const auto& state : states_) collections.push_back(encode_collection(plan_.run.id, state));
  const std::vector<bson::Document> run{encode_run(plan_.run)};
  TRY(mongo::remove_documents(connection, kRuns, run, cancel));
  TRY(mongo::remove_documents(connection, kCollections, collections, cancel));
  TRY_ASSIGN(const bool last, mongo::is_empty(connection, kRuns, cancel));
  if (!last) return {};
  TRY(mongo::drop_collection(connection, kCollections, cancel));
  return mongo::drop_collection(connection, kRuns, cancel);
}

}  // namespace varve::job
