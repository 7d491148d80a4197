#include "job/oplog_filter.h"

#include "mongo/scope.h"

namespace varve::job {

namespace {

using bson::OplogKind;

// Beyond this an entry cannot be sent back to a server inside applyOps.

std::string key(ByteView uuid) {
  return std::string(as_text(uuid));
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool changes_nothing(OplogKind kind) {
  return kind == OplogKind::kNoop || kind == OplogKind::kIgnorable;
}

bool ends_a_transaction(OplogKind kind) {
  return kind == OplogKind::kCommitTransaction || kind == OplogKind::kAbortTransaction;
}

/// The catalog of a database's views. Not backed up as a collection, but its changes are changes of views.
bool is_views(const bson::Namespace& ns) {
  return ns.collection == "system.views" && ns.db != "local" && ns.db != "config";
}

/// The view that an operation on system.views is about.
bson::Namespace changed_view(const bson::OplogEntry& op) {
  const auto id = op.entry.string("o2._id").value_or(op.o.string("_id").value_or(""));
  return bson::Namespace::parse(id);
}

/// `o` with its applyOps array replaced.
bson::Document with_operations(bson::View o, bson::View operations) {
  bson::Builder builder;
  auto elements = o.elements();
  while (const auto element = elements.next()) {
    if (element->name() == "applyOps") {
      builder.add_array("applyOps", operations);
    } else {
      builder.add(*element);
    }
  }
  return builder.finish();
}

bson::Document with_object(bson::View entry, bson::View o) {
  bson::Builder builder;
  auto elements = entry.elements();
  while (const auto element = elements.next()) {
    if (element->name() == "o") {
      builder.add("o", o);
    } else {
      builder.add(*element);
    }
  }
  return builder.finish();
}

/// True unless no include can match a namespace of that database.
bool may_take_from(const bson::NamespaceFilter& filter, const std::string& db) {
  if (filter.includes().empty()) return true;
  for (const auto& include : filter.includes()) {
    const auto database = include.substr(0, include.find('.'));
    if (database == db || database.find_first_of("*\\") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

bool in_scope(const bson::Namespace& ns) {
  return is_views(ns) || !mongo::out_of_scope(ns);
}

bool OplogFilter::by_name(const bson::Namespace& ns) const {
  if (filter_.takes(bson::logical(ns))) return true;
  // What becomes of a temporary collection is known only when it is renamed, so where its database may hold selected
  // ones it is followed from the start.
  return mongo::is_temporary(ns.collection, {}) && may_take_from(filter_, ns.db);
}

void OplogFilter::know(ByteView uuid, const bson::Namespace& ns, bool selected) {
  if (!uuid.empty()) selected_by_uuid_[key(uuid)] = selected && in_scope(ns);
}

Status OplogFilter::take(ByteView entry, Bytes& out) {
  out.clear();
  TRY_ASSIGN(const auto op, bson::parse_oplog_entry(bson::View(entry)));
  if (op.kind == OplogKind::kUnknown) {
    return fail(
        Error(ErrorKind::kUnsupported,
              "the oplog holds an operation that this version of varve does not know: " + bson::describe_unknown(op))
            .hint("nothing was saved; if the server is a MongoDB, please report it with its version"));
  }
  if (changes_nothing(op.kind)) return {};

  bool whole = false;
  if (op.kind == OplogKind::kApplyOps) {
    TRY_ASSIGN(whole, take_group(op, out));
  } else if (ends_a_transaction(op.kind)) {
    whole = true;
  } else {
    TRY_ASSIGN(whole, wanted(op));
    if (whole) ++changes_;
  }
  if (whole) append(out, entry);
  if (out.size() > kLargestReplayable) needs_varve_.insert("an oplog entry is larger than a server takes back");
  return {};
}

/// True: keep the entry as it is. Otherwise `out` holds what is left of it, or nothing.
Result<bool> OplogFilter::take_group(const bson::OplogEntry& group, Bytes& out) {
  bson::Builder kept;
  size_t taken = 0;
  size_t all = 0;
  TRY(select_nested(group, kept, taken, all));
  if (taken == all) return true;
  const auto operations = kept.finish();
  // The frame of a transaction stays, even empty: its later parts and its commit refer to it.
  const bool frame = group.entry.find("lsid").has_value();
  if (taken == 0 && !frame) return false;
  append(out, with_object(group.entry, with_operations(group.o, operations)).bytes());
  return false;
}

Status OplogFilter::select_nested(const bson::OplogEntry& group, bson::Builder& kept, size_t& taken, size_t& all) {
  TRY_ASSIGN(const auto operations, bson::nested_operations(group));
  for (const auto& op : operations) {
    if (op.kind == OplogKind::kApplyOps) {
      TRY(select_nested(op, kept, taken, all));
      continue;
    }
    ++all;
    if (op.kind == OplogKind::kUnknown) {
      return fail(ErrorKind::kUnsupported,
                  "a transaction in the oplog holds an operation that this version of varve does "
                  "not know: " +
                      bson::describe_unknown(op));
    }
    if (changes_nothing(op.kind)) continue;
    TRY_ASSIGN(const bool want, wanted(op));
    if (!want) continue;
    kept.add(std::to_string(taken), op.entry);
    ++taken;
    ++changes_;
  }
  return {};
}

Result<bool> OplogFilter::wanted(const bson::OplogEntry& op) {
  if (op.kind == OplogKind::kRename) return wanted_rename(op);
  if (!selected(op)) return false;
  note_hazards(op);
  return true;
}

bool OplogFilter::selected(const bson::OplogEntry& op) {
  if (!in_scope(op.ns)) return false;
  if (is_views(op.ns) && !op.command.empty()) return true;  // the catalog itself made or dropped
  if (is_views(op.ns)) return filter_.takes(changed_view(op));
  if (op.kind == OplogKind::kDropDatabase) return true;
  if (!op.uuid) return by_name(op.ns);
  // A create gives the UUID its name; any other UUID not seen before is of a collection that was gone when the catalog
  // was listed, of which the name decides.
  if (op.kind == OplogKind::kCreate) return selected_by_uuid_[key(*op.uuid)] = by_name(op.ns);
  return selected_by_uuid_.try_emplace(key(*op.uuid), by_name(op.ns)).first->second;
}

bool OplogFilter::wanted_rename(const bson::OplogEntry& op) {
  const bool from = selected(op);
  const bool to = in_scope(op.rename_to) && by_name(op.rename_to);
  if (op.uuid) renamed_.insert(key(*op.uuid));
  if (op.drop_target) dropped_.insert(key(*op.drop_target));
  if (!from && to) {
    incomplete_.insert(op.rename_to.text() + " was replaced by renaming " + op.ns.text() +
                       " into it, which the filters leave out, " + meanwhile_);
    return false;
  }
  if (!to && mongo::is_temporary(op.ns.collection, {})) return false;
  if (from) needs_varve_.insert(op.ns.text() + " was renamed to " + op.rename_to.text() + " while it was backed up");
  return from;
}

void OplogFilter::note_hazards(const bson::OplogEntry& op) {
  if (op.ns.db == "admin" && starts_with(op.ns.collection, "system.")) {
    needs_varve_.insert("users or roles were changed " + meanwhile_);
  }
  if (is_views(op.ns) && op.command.empty()) {
    needs_varve_.insert("the view " + changed_view(op).text() + " was changed " + meanwhile_);
  }
  if (op.kind == OplogKind::kDrop && op.uuid) dropped_.insert(key(*op.uuid));
  note_indexes(op);
}

void OplogFilter::note_indexes(const bson::OplogEntry& op) {
  if (!op.uuid) return;
  const auto note = [&](bson::View spec) {
    if (const auto name = spec.string("name")) made_indexes_[key(*op.uuid)].insert(std::string(*name));
  };
  if (op.kind == OplogKind::kCreateIndexes) note(op.o);
  const auto list = op.kind == OplogKind::kCommitIndexBuild ? op.o.array("indexes") : std::nullopt;
  if (!list) return;
  auto specs = list->elements();
  while (const auto spec = specs.next()) {
    if (const auto document = spec->as_document()) note(*document);
  }
}

}  // namespace varve::job
