#include "moment/moment.h"

#include <algorithm>
#include <map>
#include <set>

#include "bson/scope.h"
#include "moment/catalog.h"
#include "moment/indexes.h"
#include "moment/mergers.h"
#include "moment/operations.h"

namespace varve::moment {

namespace {

using bson::Namespace;
using bson::OplogKind;
using collection::CollectionEntry;

/// True unless no include can match a namespace of that database.
bool may_take_from(const bson::NamespaceFilter& filter, const std::string& db) {
  if (filter.includes().empty()) return true;
  return std::ranges::any_of(filter.includes(), [&](const std::string& include) {
    const auto database = include.substr(0, include.find('.'));
    return database == db || database.find_first_of("*\\") != std::string::npos;
  });
}

bool is_data(OplogKind kind) {
  return kind == OplogKind::kInsert || kind == OplogKind::kUpdate || kind == OplogKind::kDelete;
}

/// The `_id` of the document that an operation is about.
Result<bson::Element> id_of(const bson::OplogEntry& entry) {
  const auto criterion = entry.kind == OplogKind::kUpdate ? entry.entry.document("o2") : std::nullopt;
  auto id = (criterion ? *criterion : entry.o).find("_id");
  if (!id && criterion) id = entry.o.find("_id");
  if (!id) return fail(ErrorKind::kUnsupported, "an operation on a document without _id");
  return *id;
}

bool is_at_least_5_0(const std::string& version) {
  const size_t dot = version.find('.');
  return dot > 1 || version.empty() || version[0] >= '5';
}

/// Collections are told apart by UUID: one of two would be lost without a word.
Status check_uuids(const std::vector<CollectionEntry>& base) {
  std::map<std::string, const CollectionEntry*> known;
  for (const auto& entry : base) {
    if (entry.type != "collection" || entry.uuid.empty()) continue;
    const auto raw = from_hex(entry.uuid);
    const auto [first, is_new] = known.emplace(raw ? std::string(as_text(*raw)) : entry.uuid, &entry);
    if (is_new) continue;
    return fail(ErrorKind::kCorrupt, "the base's collections " + first->second->ns.text() + " and " + entry.ns.text() +
                                         " have one UUID, so the oplog's entries cannot be told apart");
  }
  return {};
}

}  // namespace

Base base_of(const collection::Manifest& manifest) {
  Base base;
  base.collections = manifest.collections;
  base.time = manifest.t1;
  // The oplog of a dump begins where the oldest transaction open then does: what is headless in it had ended before
  // mongodump read.
  base.from = manifest.imported() ? manifest.t1 : manifest.t0;
  base.read_at = manifest.read_at;
  base.at_least_5_0 = is_at_least_5_0(manifest.server_version);
  base.logs_evictions = manifest.fcv.empty() ? base.at_least_5_0 : is_at_least_5_0(manifest.fcv);
  return base;
}

struct Moment::Parts {
  Parts(Base the_base, Options the_options, std::shared_ptr<Spill> the_spill)
      : base(std::move(the_base)),
        options(std::move(the_options)),
        spill(std::move(the_spill)),
        pool(spill, options.memory),
        operations(pool, options.until, base.exact ? base.time : base.from),
        catalog(base.collections, base.at_least_5_0) {}

  Status apply(const Operation& operation);
  Status apply_to_catalog(const Operation& operation);
  Status apply_to_view(const Operation& operation);
  Status apply_to_document(const Operation& operation);
  Status change(Collection& collection, const Operation& operation);
  bool passes_over(const Operation& operation, const Collection* collection);
  bool is_wanted(const Namespace& ns, bson::View collection_options) const;
  bool may_be_wanted(const Collection& collection) const;
  Status keep_to_limits();

  void give_collections();
  void give_views();
  MomentCollection give_timeseries(const Namespace& ns) const;
  Status check_names() const;
  Result<std::unique_ptr<Merge>> merge(size_t index);

  const Base base;
  const Options options;
  const std::shared_ptr<Spill> spill;
  Pool pool;
  const KeyHash hash;
  Operations operations;
  Catalog catalog;
  Bytes scratch;
  Account account;
  std::vector<MomentCollection> collections;
  std::map<Namespace, Collection*> given_from;
};

// --- operations

Status Moment::Parts::apply(const Operation& operation) {
  ++account.operations;
  const auto& entry = operation.entry;
  const auto status = !is_data(entry.kind)    ? apply_to_catalog(operation)
                      : Views::owns(entry.ns) ? apply_to_view(operation)
                                              : apply_to_document(operation);
  if (status) return {};
  return fail(Error(status.error()).within("oplog entry " + operations.last().text() + " on " + entry.ns.text()));
}

Status Moment::Parts::apply_to_view(const Operation& operation) {
  if (passes_over(operation, nullptr)) return {};
  return catalog.views().apply(operation.entry, operation.upsert);
}

/// True if the base holds the effect already.
bool Moment::Parts::passes_over(const Operation& operation, const Collection* collection) {
  const bool snapshot = collection != nullptr && collection->base && collection->entry.how == "snapshot";
  const bool fuzzy =
      collection != nullptr && (collection->entry.how == "window" || collection->entry.how == "fallback");
  const bool held =
      (snapshot && operation.effective <= base.read_at) || (base.exact && !fuzzy && operation.effective <= base.time);
  if (held) ++account.already_in_base;
  return held;
}

Status Moment::Parts::apply_to_catalog(const Operation& operation) {
  const auto& entry = operation.entry;
  const bool of_documents = entry.kind == OplogKind::kEmptyCapped;
  if (passes_over(operation, of_documents ? catalog.find(entry) : nullptr)) return {};
  return catalog.apply(entry);
}

Status Moment::Parts::apply_to_document(const Operation& operation) {
  const auto& entry = operation.entry;
  if (bson::out_of_scope(entry.ns.db)) return {};
  Collection* known = catalog.find(entry);
  if (passes_over(operation, known)) return {};
  if (known == nullptr) {
    if (bson::out_of_scope(entry.ns)) return {};
    known = &catalog.find_or_enter(entry);
  }
  if (known->unseen) return {};
  if (!may_be_wanted(*known)) {
    known->left_out = true;
    if (!known->changes || !known->changes->empty()) known->changes.reset();
    return {};
  }
  TRY(change(*known, operation));
  return keep_to_limits();
}

Status Moment::Parts::change(Collection& collection, const Operation& operation) {
  const auto& entry = operation.entry;
  if (!collection.changes) collection.changes = std::make_unique<Changes>(pool, collection.base.has_value());
  TRY_ASSIGN(const auto id, id_of(entry));
  const auto key = hash(id, scratch);
  const bool insert = entry.kind == OplogKind::kInsert;
  const Origin origin{.not_in_base = insert && operation.inserts_are_new && operation.effective > base.time,
                      .inserted = insert,
                      .upsert = operation.upsert};
  if (insert) return collection.changes->put(key, entry.o.bytes(), origin);
  if (entry.kind == OplogKind::kDelete) return collection.changes->erase(key);
  return collection.changes->update(key, entry.o, origin, id);
}

bool Moment::Parts::is_wanted(const Namespace& ns, bson::View collection_options) const {
  return !bson::out_of_scope(ns) && !bson::is_temporary(ns.collection, collection_options) &&
         options.filter.takes(bson::logical(ns));
}

/// Collections are renamed within their database only; those of the server not at all.
bool Moment::Parts::may_be_wanted(const Collection& collection) const {
  const Namespace& ns = collection.entry.ns;
  if (is_wanted(ns, collection.entry.options)) return true;
  return may_take_from(options.filter, ns.db) && !ns.collection.starts_with("system.");
}

/// Spills and splits where the changes hold more than their share.
Status Moment::Parts::keep_to_limits() {
  if (pool.records > pool.records_limit) {
    for (auto& [uuid, collection] : catalog.collections()) {
      if (collection.changes) TRY(collection.changes->spill(collection.changes->resident() / 2));
    }
  }
  while (pool.index > pool.index_limit) {
    Changes* largest = nullptr;
    for (auto& [uuid, collection] : catalog.collections()) {
      Changes* const one = collection.changes.get();
      if (one != nullptr && (largest == nullptr || one->index_bytes() > largest->index_bytes())) largest = one;
    }
    TRY_ASSIGN(const bool helped, largest == nullptr ? Result<bool>(false) : largest->split());
    if (!helped) return spill->too_little("the changes since the base");
  }
  return {};
}

// --- the result

void Moment::Parts::give_collections() {
  for (auto& [uuid, known] : catalog.collections()) {
    if (!is_wanted(known.entry.ns, known.entry.options)) {
      known.changes.reset();
      continue;
    }
    if (known.unseen || known.left_out) {
      account.missing.push_back(known.entry.ns.text() +
                                (known.unseen ? " is not in the base" : ": changes of it were left out"));
      if (known.unseen) continue;
    }
    MomentCollection given;
    given.entry = known.entry;
    if (!known.base) given.entry.as_read = {};
    given.base = known.base;
    given.untouched = !known.changes || known.changes->empty();
    given_from[given.entry.ns] = &known;
    collections.push_back(std::move(given));
  }
}

/// A time-series as users see it: as the base has it where its buckets did not change, else made from them.
MomentCollection Moment::Parts::give_timeseries(const Namespace& ns) const {
  MomentCollection given;
  const auto same = [&](const auto& c) { return c.ns == ns && c.type == "timeseries"; };
  const auto in_base = std::ranges::find_if(base.collections, same);
  const Namespace buckets_ns{ns.db, "system.buckets." + ns.collection};
  const auto buckets = std::ranges::find(
      collections, buckets_ns, [](const auto& c) -> const auto& { return c.entry.ns; });
  if (in_base != base.collections.end()) given.entry = *in_base;
  given.entry.ns = ns;
  given.entry.type = "timeseries";
  if (buckets == collections.end()) return given;
  const auto timeseries_of = [](const CollectionEntry& from, CollectionEntry& to) {
    to.options = timeseries_options(from.options);
    to.indexes.clear();
    const auto shape = from.options.view().document("timeseries").value_or(bson::View());
    for (const auto& index : from.indexes) to.indexes.push_back(timeseries_index(index, shape));
  };
  const auto as_bytes_of = [](const CollectionEntry& entry) {
    Bytes all = to_bytes(entry.options.bytes());
    for (const auto& index : entry.indexes) append(all, index.bytes());
    return all;
  };
  const bool unchanged = in_base != base.collections.end() && buckets->base &&
                         as_bytes_of(base.collections[*buckets->base]) == as_bytes_of(buckets->entry);
  if (!unchanged) timeseries_of(buckets->entry, given.entry);
  return given;
}

void Moment::Parts::give_views() {
  for (const auto& ns : catalog.views().unseen()) {
    if (is_wanted(ns, {})) account.missing.push_back("the view " + ns.text() + " is not in the base");
  }
  for (const auto& [ns, view] : catalog.views().all()) {
    if (!is_wanted(ns, {})) continue;
    if (view.is_timeseries()) {
      collections.push_back(give_timeseries(ns));
      continue;
    }
    MomentCollection given;
    given.entry.ns = ns;
    given.entry.type = "view";
    given.entry.options = view_options(view.document);
    collections.push_back(std::move(given));
  }
}

/// Sorted by name; two of one name mean that the base or the oplog is not what it should be.
Status Moment::Parts::check_names() const {
  const auto twice = std::ranges::adjacent_find(
      collections, {}, [](const auto& c) -> const auto& { return c.entry.ns; });
  if (twice == collections.end()) return {};
  return fail(ErrorKind::kInconsistent, "at the moment there are two collections " + twice->entry.ns.text() +
                                            ": the base and the oplog do not belong together");
}

Result<std::unique_ptr<Merge>> Moment::Parts::merge(size_t index) {
  const auto& given = collections.at(index);
  MergePlan plan;
  plan.name = given.entry.ns.text();
  plan.base = given.base.has_value();
  plan.memory = options.memory;
  plan.hash = &hash;
  plan.spill = spill;
  const auto& wanted = given.entry.options.view();
  plan.ordered = wanted.truthy("capped");
  std::unique_ptr<Changes> changes;
  if (const auto known = given_from.find(given.entry.ns); known != given_from.end()) {
    changes = std::move(known->second->changes);
  }
  if (!changes) changes = std::make_unique<Changes>(pool, plan.base);
  if (!plan.ordered) return merge_by_key(std::move(plan), std::move(changes));
  // Servers that don't log evictions round the size up.
  constexpr uint64_t kStep = 256;
  plan.evicts = !base.logs_evictions && changes->inserts() > 0;
  plan.most_bytes =
      (static_cast<uint64_t>(std::max<int64_t>(wanted.int64("size").value_or(0), 0)) + kStep - 1) / kStep * kStep;
  plan.most_documents = static_cast<uint64_t>(std::max<int64_t>(wanted.int64("max").value_or(0), 0));
  return merge_in_order(std::move(plan), std::move(changes));
}

// --- the interface

Moment::Moment(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Moment::~Moment() = default;

Result<std::unique_ptr<Moment>> Moment::open(Base base, Options options) {
  if (options.until && *options.until < base.time) {
    return fail(ErrorKind::kInvalidInput, "the moment " + options.until->text() + " lies before " + base.time.text() +
                                              ", the first that this base serves");
  }
  TRY(check_uuids(base.collections));
  TRY_ASSIGN(auto spill, Spill::open(options.spill_folder, options.memory));
  auto parts = std::make_unique<Parts>(std::move(base), std::move(options), std::move(spill));
  return std::unique_ptr<Moment>(new Moment(std::move(parts)));
}

Status Moment::take(ByteView entry) {
  return parts_->operations.take(bson::View(entry),
                                 [this](const Operation& operation) { return parts_->apply(operation); });
}

bool Moment::enough() const {
  return parts_->operations.enough();
}

Status Moment::finish() {
  Parts& p = *parts_;
  p.account.last = p.operations.last();
  p.account.entries = p.operations.entries();
  p.account.unfinished = p.operations.unfinished();
  p.account.undecided = p.operations.undecided();
  p.give_collections();
  p.give_views();
  std::ranges::sort(
      p.collections, {}, [](const auto& c) -> const auto& { return c.entry.ns; });
  p.account.spilled = p.spill->written();
  return p.check_names();
}

const std::vector<MomentCollection>& Moment::collections() const {
  return parts_->collections;
}

const Account& Moment::account() const {
  return parts_->account;
}

Result<std::unique_ptr<Merge>> Moment::merge(size_t index) {
  return parts_->merge(index);
}

}  // namespace varve::moment
