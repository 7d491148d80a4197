#include <array>

#include "mongo/batch.h"
#include "mongo/catalog.h"
#include "mongo/errors.h"
#include "mongo/scope.h"
#include "mongo/topology.h"

namespace varve::mongo {

namespace {

/// Commands that change a catalog, or write where no collection counts it. Reading never runs one, and neither does the
/// server by itself after its start.
constexpr std::array kCatalogCommands = {"mapReduce",
                                         "create",
                                         "drop",
                                         "dropDatabase",
                                         "renameCollection",
                                         "createIndexes",
                                         "dropIndexes",
                                         "collMod",
                                         "convertToCapped",
                                         "applyOps",
                                         "cloneCollectionAsCapped",
                                         "reIndex"};

Status add_catalog_commands(Connection& connection, bson::Builder& counters, const Cancel& cancel) {
  bson::Builder command;
  command.add("serverStatus", int32_t{1});
  TRY_ASSIGN(const auto status, connection.command("admin", command.finish(), cancel));
  // A server that was restarted counts from zero again.
  if (const auto pid = status.view().find("pid")) counters.add(*pid);
  counters.open("commands");
  for (const auto* name : kCatalogCommands) {
    counters.add(name, status.view().int64("metrics.commands." + std::string(name) + ".total").value_or(0));
  }
  for (const auto* stage : {"$merge", "$out"}) {
    counters.add(stage, status.view().int64("metrics.aggStageCounters." + std::string(stage)).value_or(0));
  }
  counters.end();
  return {};
}

/// How often a collection was written to, and how many documents it has: what TTL indexes delete is in the second only.
Status add_collection(Connection& connection, const bson::Namespace& ns, bson::View entry, bson::Builder& counters,
                      const Cancel& cancel) {
  bson::Builder command;
  command.add("aggregate", ns.collection).open_array("pipeline").open("0").open("$collStats");
  command.open("latencyStats").end().open("count").end().end().end().end().open("cursor").end();
  const auto found = all_results(connection, ns.db, command.finish(), cancel);
  if (!found && found.error().kind() == ErrorKind::kNotFound) return {};
  if (!found) return fail(Error(found.error()).within(ns.text()));
  counters.open(ns.text());
  if (const auto uuid = entry.find("info.uuid")) counters.add(*uuid);
  for (const auto& stats : found->documents) {
    counters.add("writes", stats.view().int64("latencyStats.writes.ops").value_or(0));
    counters.add("documents", stats.view().int64("count").value_or(0));
  }
  counters.end();
  return {};
}

Status add_database(Connection& connection, const std::string& db, bson::Builder& counters, const Cancel& cancel) {
  bson::Builder list;
  list.add("listCollections", int32_t{1}).open("filter").add("type", "collection").end();
  TRY_ASSIGN(const auto collections, all_results(connection, db, list.finish(), cancel));
  for (const auto& entry : collections.documents) {
    const bson::Namespace ns{db, std::string(entry.view().string("name").value_or(""))};
    const bool views = ns.collection == "system.views";
    if (out_of_scope(ns) && !views) continue;
    TRY(add_collection(connection, ns, entry, counters, cancel));
  }
  return {};
}

}  // namespace

/// Counted by collection, since the server's totals also tell of its own book-keeping: it writes the sessions of
/// clients into config.system.sessions every five minutes.
Result<bson::Document> write_counters(Connection& connection, const Cancel& cancel) {
  bson::Builder counters;
  TRY(add_catalog_commands(connection, counters, cancel));
  bson::Builder list;
  list.add("listDatabases", int32_t{1}).add("nameOnly", true);
  TRY_ASSIGN(const auto reply, connection.command("admin", list.finish(), cancel));
  const auto databases = reply.view().array("databases");
  if (!databases) return fail(ErrorKind::kCorrupt, connection.host() + ": listDatabases without databases");
  TRY(each_in_batch(*databases, [&](ByteView entry) -> Status {
    const std::string db(bson::View(entry).string("name").value_or(""));
    return out_of_scope(db) ? Status{} : add_database(connection, db, counters, cancel);
  }));
  return counters.finish();
}

}  // namespace varve::mongo
