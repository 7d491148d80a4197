#include "mongo/names.h"

#include "mongo/batch.h"

namespace varve::mongo {

namespace {

void take(bson::View entry, const std::string& db, Names& names) {
  const auto name = entry.string("name");
  if (!name) return;
  auto& listed = names[{db, std::string(*name)}];
  listed.type = std::string(entry.string("type").value_or("collection"));
  if (const auto uuid = entry.find("info.uuid")) listed.uuid = to_bytes(uuid->as_uuid().value_or(ByteView()));
}

}  // namespace

Result<Names> list_names(Connection& connection, const std::set<std::string>& databases, const Cancel& cancel) {
  Names names;
  bson::Builder command;
  const auto list = command.add("listCollections", int32_t{1}).finish();
  for (const auto& db : databases) {
    const auto visit = [&](bson::View entry) -> Status {
      take(entry, db, names);
      return {};
    };
    TRY(each_result(connection, db, list, visit, cancel));
  }
  return names;
}

Result<bool> is_empty(Connection& connection, const bson::Namespace& ns, const Cancel& cancel) {
  bson::Builder find;
  find.add("find", ns.collection).add("limit", int32_t{1}).add("singleBatch", true);
  find.open("projection").add("_id", int32_t{1}).end();
  TRY_ASSIGN(const auto found, all_results(connection, ns.db, find.finish(), cancel));
  return found.documents.empty();
}

Result<int64_t> count_expired(Connection& connection, const bson::Namespace& ns, std::string_view field,
                              int64_t seconds, int64_t now_ms, const Cancel& cancel) {
  bson::Builder count;
  count.add("count", ns.collection);
  count.open("query").open(field).add_date("$lt", now_ms - seconds * 1000).end().end();
  TRY_ASSIGN(const auto reply, connection.command(ns.db, count.finish(), cancel));
  return reply.view().int64("n").value_or(0);
}

}  // namespace varve::mongo
