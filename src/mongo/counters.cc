#include "mongo/counters.h"

#include <array>

#include "mongo/batch.h"
#include "mongo/errors.h"
#include "mongo/scope.h"

namespace varve::mongo {

namespace {

/// Reading never runs one of these, and neither does the server by itself.
constexpr std::array kCommands = {"mapReduce", "applyOps"};
constexpr std::array kStages = {"$merge", "$out"};

bson::Document attempts_in(bson::View status) {
  bson::Builder attempts;
  const auto add = [&](const char* name, const std::string& path) {
    attempts.add(name, status.int64(path).value_or(0));
  };
  for (const auto* name : kCommands) add(name, "metrics.commands." + std::string(name) + ".total");
  for (const auto* stage : kStages) add(stage, "metrics.aggStageCounters." + std::string(stage));
  return attempts.finish();
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
/// clients into config.system.sessions every five minutes, and makes that collection the first time.
Result<WriteCounters> write_counters(Connection& connection, const Cancel& cancel) {
  bson::Builder ask;
  TRY_ASSIGN(const auto status, connection.command("admin", ask.add("serverStatus", int32_t{1}).finish(), cancel));
  bson::Builder writes;
  // A server that was restarted counts from zero again.
  if (const auto pid = status.view().find("pid")) writes.add(*pid);
  bson::Builder list;
  list.add("listDatabases", int32_t{1}).add("nameOnly", true);
  TRY_ASSIGN(const auto reply, connection.command("admin", list.finish(), cancel));
  const auto databases = reply.view().array("databases");
  if (!databases) return fail(ErrorKind::kCorrupt, connection.host() + ": listDatabases without databases");
  TRY(each_in_batch(*databases, [&](ByteView entry) -> Status {
    const std::string db(bson::View(entry).string("name").value_or(""));
    return out_of_scope(db) ? Status{} : add_database(connection, db, writes, cancel);
  }));
  return WriteCounters{writes.finish(), attempts_in(status)};
}

}  // namespace varve::mongo
