#include "mongo/catalog.h"

#include <algorithm>
#include <optional>
#include <set>

#include "mongo/batch.h"
#include "mongo/errors.h"
#include "mongo/scope.h"
#include "mongo/server.h"

namespace varve::mongo {

namespace {

constexpr int64_t kWireOf44 = 9;

bool gone(const Error& error) {
  return error.code() == code::kNamespaceNotFound || error.code() == code::kCommandNotSupportedOnView;
}

CollectionInfo describe(const std::string& db, bson::View entry) {
  CollectionInfo info;
  info.ns = {db, std::string(entry.string("name").value_or(""))};
  info.type = std::string(entry.string("type").value_or("collection"));
  if (const auto uuid = entry.find("info.uuid")) {
    if (const auto bytes = uuid->as_uuid()) info.uuid = to_bytes(*bytes);
  }
  if (const auto options = entry.document("options")) info.options = bson::Document(options->bytes());
  if (const auto index = entry.document("idIndex")) info.id_index = bson::Document(index->bytes());
  info.capped = info.options.view().truthy("capped");
  info.temporary = info.type == "collection" && is_temporary(info.ns.collection, info.options);
  return info;
}

/// An entry of listIndexes with includeBuildUUIDs: an unfinished build is {spec, buildUUID}.
void take_index(bson::View entry, CollectionInfo& info) {
  const auto spec = entry.find("buildUUID") ? entry.document("spec") : std::nullopt;
  if (spec) {
    info.unfinished.emplace_back(spec->string("name").value_or(""));
  } else {
    info.indexes.emplace_back(entry.bytes());
  }
}

class Lister {
 public:
  Lister(Connection& connection, const Cancel& cancel) : connection_(connection), cancel_(cancel) {}

  Result<Catalog> list() {
    TRY_ASSIGN(const auto databases, list_databases());
    for (const auto& db : databases) {
      if (const auto reason = out_of_scope(db)) {
        catalog_.left_out.push_back({{db, "*"}, *reason});
      } else {
        TRY(list_collections(db));
      }
    }
    return finish();
  }

  Result<Catalog> list(const std::set<bson::Namespace>& only) {
    std::set<std::string> databases;
    for (const auto& ns : only) databases.insert(ns.db);
    named_ = true;
    for (const auto& db : databases) TRY(list_collections(db));
    std::erase_if(catalog_.collections, [&](const CollectionInfo& info) { return !only.contains(info.ns); });
    return finish();
  }

 private:
  Result<Catalog> finish() {
    std::ranges::sort(catalog_.collections, {}, &CollectionInfo::ns);
    TRY_ASSIGN(const auto version, server_version(connection_, cancel_));
    for (auto& info : catalog_.collections) info.by_uuid = version.product.empty() && !info.uuid.empty();
    std::vector<CollectionInfo> there;
    for (auto& info : catalog_.collections) {
      TRY_ASSIGN(const bool complete, this->complete(info));
      if (complete) there.push_back(std::move(info));
    }
    catalog_.collections = std::move(there);
    if (!builds_have_ids()) TRY(mark_builds_by_current_operations());
    return std::move(catalog_);
  }

  Result<std::vector<std::string>> list_databases() {
    bson::Builder list;
    list.add("listDatabases", int32_t{1}).add("nameOnly", true);
    TRY_ASSIGN(const auto reply, connection_.command("admin", list.finish(), cancel_));
    saw(reply);
    std::vector<std::string> names;
    const auto databases = reply.view().array("databases");
    if (!databases) return fail(ErrorKind::kCorrupt, connection_.host() + ": listDatabases without databases");
    TRY(each_in_batch(*databases, [&](ByteView entry) -> Status {
      names.emplace_back(bson::View(entry).string("name").value_or(""));
      return names.back().empty() ? nameless("listDatabases") : Status{};
    }));
    return names;
  }

  /// What has no name cannot be read, and must not be missing in silence.
  Status nameless(const std::string& what) const {
    return fail(ErrorKind::kCorrupt, connection_.host() + ": " + what + " has an entry without a name");
  }

  Status list_collections(const std::string& db) {
    bson::Builder list;
    list.add("listCollections", int32_t{1});
    auto found = all_results(connection_, db, list.finish(), cancel_);
    if (!found) return fail(std::move(found).error().within(db));
    saw(found->operation_time);
    for (const auto& entry : found->documents) {
      auto info = describe(db, entry);
      if (info.ns.collection.empty()) return nameless("listCollections of " + db);
      if (auto reason = named_ ? std::nullopt : out_of_scope(info.ns)) {
        if (info.ns.collection != "system.views") catalog_.left_out.push_back({info.ns, std::move(*reason)});
      } else {
        catalog_.collections.push_back(std::move(info));
      }
    }
    return {};
  }

  /// False if it has been dropped.
  Result<bool> complete(CollectionInfo& info) {
    if (info.type == "view") return true;
    TRY_ASSIGN(const bool there, list_indexes(info));
    if (there && info.has_data()) TRY(estimate_size(info));
    return there;
  }

  Result<bool> list_indexes(CollectionInfo& info) {
    auto found = indexes_of(info);
    if (!found && gone(found.error())) return false;
    if (!found) return fail(std::move(found).error().within(info.ns.text()));
    saw(found->operation_time);
    for (const auto& entry : found->documents) take_index(entry, info);
    return true;
  }

  /// By UUID: meanwhile the name may be another collection's, or nobody's while this one is still there. By name where
  /// there is no UUID, for a login that may not use them, and of servers that know no such commands.
  Result<Results> indexes_of(const CollectionInfo& info) {
    if (info.by_uuid) {
      auto found = run_list_indexes(info.ns.db, bson::Builder().add_uuid("listIndexes", info.uuid));
      if (found || found.error().code() != code::kUnauthorized) return found;
    }
    return run_list_indexes(info.ns.db, bson::Builder().add("listIndexes", info.ns.collection));
  }

  Result<Results> run_list_indexes(const std::string& db, bson::Builder& list) {
    if (connection_.wire_version() >= kWireOf44) list.add("includeBuildUUIDs", true);
    return all_results(connection_, db, list.finish(), cancel_);
  }

  /// dataSize with `estimate` only reads two counters, where collStats assembles all statistics of the storage engine.
  Status estimate_size(CollectionInfo& info) {
    bson::Builder size;
    size.add("dataSize", info.ns.text()).add("estimate", true);
    const auto reply = connection_.command(info.ns.db, size.finish(), cancel_);
    if (!reply) return reply.error().kind() == ErrorKind::kInternal ? Status{} : fail_unless_gone(reply.error());
    info.bytes = static_cast<uint64_t>(std::max<int64_t>(0, reply->view().int64("size").value_or(0)));
    info.documents = static_cast<uint64_t>(std::max<int64_t>(0, reply->view().int64("numObjects").value_or(0)));
    return {};
  }

  static Status fail_unless_gone(const Error& error) { return gone(error) ? Status{} : fail(error); }

  bool builds_have_ids() const { return connection_.in_replica_set() && connection_.wire_version() >= kWireOf44; }

  /// On a standalone, and before 4.4, only the operations under way tell where indexes are being built. Needs a right
  /// beyond `backup`; without it they count as finished, which their oplog entry at the end then confirms.
  Status mark_builds_by_current_operations() {
    bson::Builder command;
    command.add("aggregate", int32_t{1}).open_array("pipeline");
    command.open("0").open("$currentOp").add("allUsers", true).end().end();
    command.open("1").open("$match").open("command.createIndexes").add("$exists", true).end().end().end();
    command.end().open("cursor").end();
    const auto operations = all_results(connection_, "admin", command.finish(), cancel_);
    if (!operations) return cancel_.check();
    for (const auto& operation : operations->documents) {
      const auto db = operation.view().string("command.$db");
      const auto collection = operation.view().string("command.createIndexes");
      if (!db || !collection) continue;
      const auto info = std::ranges::find(
          catalog_.collections, bson::Namespace{std::string(*db), std::string(*collection)}, &CollectionInfo::ns);
      if (info != catalog_.collections.end()) TRY(mark_builds(*info));
    }
    return {};
  }

  /// A command may name indexes that have long been there beside those that it builds.
  Status mark_builds(CollectionInfo& info) {
    bson::Builder stats;
    stats.add("collStats", info.ns.collection);
    const auto reply = connection_.command(info.ns.db, stats.finish(), cancel_);
    if (!reply) return reply.error().kind() == ErrorKind::kDenied ? Status{} : fail_unless_gone(reply.error());
    const auto builds = reply->view().array("indexBuilds");
    if (!builds) return {};
    auto elements = builds->elements();
    while (const auto element = elements.next()) {
      const auto name = element->as_string();
      const auto is_it = [&](const bson::Document& index) { return index.view().string("name") == name; };
      if (name && std::erase_if(info.indexes, is_it) > 0) info.unfinished.emplace_back(*name);
    }
    return {};
  }

  void saw(bson::View reply) { saw(reply.timestamp("operationTime").value_or(bson::Timestamp{})); }
  void saw(bson::Timestamp time) { catalog_.operation_time = std::max(catalog_.operation_time, time); }

  Connection& connection_;
  const Cancel& cancel_;
  bool named_ = false;  // so that no scope counts
  Catalog catalog_;
};

/// A reply without what belongs to every reply.
bson::Document without_envelope(bson::View reply) {
  bson::Builder kept;
  auto elements = reply.elements();
  while (const auto element = elements.next()) {
    const auto name = element->name();
    if (name == "ok" || name == "operationTime" || name == "localUpdateWallClockTime" || name.starts_with('$') ||
        name == "lastCommittedOpTime") {
      continue;
    }
    kept.add(*element);
  }
  return kept.finish();
}

bson::Document reply_or_nothing(Connection& connection, const bson::Document& command, const Cancel& cancel) {
  const auto reply = connection.command("admin", command, cancel);
  return reply && bson::validate(reply->bytes()) ? without_envelope(*reply) : bson::Document();
}

}  // namespace

Result<Catalog> list_catalog(Connection& connection, const Cancel& cancel) {
  return Lister(connection, cancel).list();
}

bool same_catalog(const Catalog& one, const Catalog& other) {
  const auto same_bytes = [](const bson::Document& a, const bson::Document& b) {
    return std::ranges::equal(a.bytes(), b.bytes());
  };
  return std::ranges::equal(one.collections, other.collections, [&](const CollectionInfo& a, const CollectionInfo& b) {
    return a.ns == b.ns && a.type == b.type && a.uuid == b.uuid && same_bytes(a.options, b.options) &&
           std::ranges::equal(a.indexes, b.indexes, same_bytes) && a.unfinished == b.unfinished;
  });
}

Result<std::set<std::string>> collection_uuids(Connection& connection, const std::string& db, const Cancel& cancel) {
  bson::Builder list;
  list.add("listCollections", int32_t{1}).open("filter").add("type", "collection").end();
  auto found = all_results(connection, db, list.finish(), cancel);
  if (!found) return fail(std::move(found).error().within(db));
  std::set<std::string> uuids;
  for (const auto& entry : found->documents) uuids.emplace(as_text(describe(db, entry).uuid));
  return uuids;
}

Result<Catalog> list_catalog(Connection& connection, const std::set<bson::Namespace>& only, const Cancel& cancel) {
  return Lister(connection, cancel).list(only);
}

bson::Document default_rw_concern(Connection& connection, const Cancel& cancel) {
  bson::Builder command;
  command.add("getDefaultRWConcern", int32_t{1});
  return reply_or_nothing(connection, command.finish(), cancel);
}

bson::Document cluster_parameters(Connection& connection, const Cancel& cancel) {
  bson::Builder command;
  command.add("getClusterParameter", "*");
  return reply_or_nothing(connection, command.finish(), cancel);
}

}  // namespace varve::mongo
