#include "job/import_oplog.h"

#include "bson/oplog.h"

namespace varve::job {

namespace {

using bson::OplogKind;

std::string key_of(const bson::OplogEntry& op) {
  return op.uuid ? std::string(as_text(*op.uuid)) : op.ns.text();
}

bool is_data(OplogKind kind) {
  return kind == OplogKind::kInsert || kind == OplogKind::kUpdate || kind == OplogKind::kDelete;
}

bool changes_indexes(OplogKind kind) {
  return kind == OplogKind::kCollMod || kind == OplogKind::kCreateIndexes || kind == OplogKind::kDropIndexes ||
         kind == OplogKind::kCommitIndexBuild;
}

/// The instant before: an entry of this time counts, and a window begins after its start.
bson::Timestamp before(bson::Timestamp time) {
  if (time.increment > 0) return {time.seconds, time.increment - 1};
  return {time.seconds > 0 ? time.seconds - 1 : 0, UINT32_MAX};
}

}  // namespace

ImportOplog::ImportOplog(const bson::NamespaceFilter& filter, ImportCatalog& catalog, DocumentFile& file)
    : catalog_(catalog), filter_(filter), names_(filter), file_(file) {
  for (const auto& [ns, in] : catalog.all()) {
    if (in.type != "collection") continue;
    known_.insert(ns.text());
    if (!in.named_uuid) continue;
    const auto uuid = *from_hex(in.metadata.uuid_hex);
    known_.emplace(as_text(uuid));
    filter_.know(uuid, ns, true);
  }
}

Status ImportOplog::take(ByteView entry) {
  const bson::View view(entry);
  const auto time = view.timestamp("ts");
  if (!time) return fail(ErrorKind::kCorrupt, "the oplog holds an entry without a time");
  if (first_ && *time < last_) {
    return fail(ErrorKind::kCorrupt, "the oplog goes back in time, from " + last_.text() + " to " + time->text());
  }
  if (!first_) first_ = *time;
  last_ = *time;
  auto taken = [&]() -> Status {
    TRY_ASSIGN(const auto op, bson::parse_oplog_entry(view));
    TRY(look_at(op));
    return filter_.take(entry, scratch_);
  }();
  if (!taken) return fail(std::move(taken.error()).within("the oplog's entry of " + time->text()));
  if (scratch_.empty()) return {};
  ++entries_;
  return file_.add(scratch_);
}

Status ImportOplog::look_at(const bson::OplogEntry& op) {
  if (op.kind == OplogKind::kApplyOps) {
    TRY_ASSIGN(const auto operations, bson::nested_operations(op));
    for (const auto& inner : operations) TRY(look_at(inner));
    return {};
  }
  if (!in_scope(op.ns) || op.ns.collection.empty() || !names_.takes(bson::logical(op.ns))) return {};
  if (op.ns.collection == "system.views") return {};  // a moment knows views by their rows
  learn_uuid(op);
  if (!is_data(op.kind)) {
    look_at_command(op);
  } else if (!known_.contains(key_of(op))) {
    unseen_.emplace(key_of(op), op.ns.text());
  }
  return {};
}

void ImportOplog::look_at_command(const bson::OplogEntry& op) {
  if (op.kind == OplogKind::kCreate) known_.insert(key_of(op));
  if (op.kind == OplogKind::kDrop) unseen_.erase(key_of(op));  // nothing of it is left to be missed
  if (op.drop_target) unseen_.erase(std::string(as_text(*op.drop_target)));
  if (changes_indexes(op.kind) && op.ns != bson::logical(op.ns)) reshaped_.insert(bson::logical(op.ns).text());
}

/// Of a time-series' buckets, and of what has no metadata. If the name was given away meanwhile, the first to have it
/// is meant: all of the others is in the oplog.
void ImportOplog::learn_uuid(const bson::OplogEntry& op) {
  const auto found = catalog_.all().find(op.ns);
  if (found == catalog_.all().end() || found->second.named_uuid || found->second.type != "collection") return;
  known_.insert(key_of(op));
  if (!op.uuid) return;
  found->second.named_uuid = true;
  found->second.metadata.uuid_hex = to_hex(*op.uuid);
  filter_.know(*op.uuid, op.ns, true);
}

void ImportOplog::account(collection::Manifest& m) const {
  for (const auto& reason : filter_.needs_varve()) m.needs_varve.push_back(reason);
  if (!first_) return;
  m.oplog_start = *first_;
  m.t0 = before(*first_);
  m.t1 = last_;
  m.oplog_entries = entries_;
  m.oplog_changes = filter_.changes();
}

std::vector<std::string> ImportOplog::shortfalls() const {
  std::vector<std::string> reasons(filter_.incomplete().begin(), filter_.incomplete().end());
  for (const auto& [key, name] : unseen_) {
    reasons.push_back("the oplog changes documents of " + name + ", which is not in the dump");
  }
  for (const auto& name : reshaped_) {
    reasons.push_back("the time-series " + name +
                      " had its indexes or options changed while it was dumped; look at them after a restore");
  }
  return reasons;
}

bool ImportOplog::renames(const std::string& uuid_hex) const {
  const auto uuid = from_hex(uuid_hex);
  return uuid && filter_.renamed().contains(std::string(as_text(*uuid)));
}

}  // namespace varve::job
