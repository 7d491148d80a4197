#include "mongo/names.h"

namespace varve::mongo {

namespace {

void take_batch(const bson::View& batch, const std::string& db, std::map<bson::Namespace, std::string>& names) {
  auto elements = batch.elements();
  while (const auto element = elements.next()) {
    const auto entry = element->as_document();
    if (!entry) continue;
    const auto name = entry->string("name");
    if (name) names[{db, std::string(*name)}] = std::string(entry->string("type").value_or("collection"));
  }
}

Status list_one(Connection& connection, const std::string& db, std::map<bson::Namespace, std::string>& names,
                const Cancel& cancel) {
  bson::Builder list;
  list.add("listCollections", int32_t{1}).add("nameOnly", true);
  TRY_ASSIGN(auto reply, connection.command(db, list.finish(), cancel));
  if (const auto batch = reply.view().array("cursor.firstBatch")) take_batch(*batch, db, names);
  for (;;) {
    const int64_t id = reply.view().int64("cursor.id").value_or(0);
    if (id == 0) return {};
    bson::Builder more;
    more.add("getMore", id).add("collection", "$cmd.listCollections");
    TRY_ASSIGN(reply, connection.command(db, more.finish(), cancel));
    if (const auto batch = reply.view().array("cursor.nextBatch")) take_batch(*batch, db, names);
  }
}

}  // namespace

Result<std::map<bson::Namespace, std::string>> list_names(Connection& connection,
                                                          const std::set<std::string>& databases,
                                                          const Cancel& cancel) {
  std::map<bson::Namespace, std::string> names;
  for (const auto& db : databases) TRY(list_one(connection, db, names, cancel));
  return names;
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
