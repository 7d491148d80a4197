#include <algorithm>
#include <array>

#include "mongo/errors.h"
#include "mongo/target.h"

namespace varve::mongo {

namespace {

constexpr int64_t kWireOf44 = 9;

/// Every collection has its `_id` index, and the entry of a clustered collection stands for no index.
bool comes_by_itself(bson::View spec) {
  if (spec.truthy("clustered")) return true;
  const auto key = spec.document("key");
  const auto name = spec.string("name");
  if (name == "_id_") return true;
  if (!key) return false;
  auto elements = key->elements();
  const auto first = elements.next();
  return first && first->name() == "_id" && first->as_int64() == 1 && !elements.next();
}

/// `ns` and `background` mean nothing since 4.2 and are refused by some; `dropDups` and `safe` since 3.0.
bool is_left_out(const bson::Element& field) {
  constexpr std::array kLeftOut = {"ns", "background", "dropDups", "safe", "buildUUID"};
  if (field.name() == "v") return field.as_int64().value_or(2) >= 2;
  return std::ranges::any_of(kLeftOut, [&](std::string_view name) { return name == field.name(); });
}

Status create(Connection& connection, const bson::Namespace& ns, std::span<const bson::Document> specs,
              const Cancel& cancel) {
  bson::Builder command;
  command.add("createIndexes", ns.collection).open_array("indexes");
  for (size_t i = 0; i < specs.size(); ++i) command.add(std::to_string(i), specs[i].view());
  command.end();
  // By default a build waits for all voting members, without a limit if one of them is down.
  if (connection.in_replica_set() && connection.wire_version() >= kWireOf44) command.add("commitQuorum", "majority");
  command.open("writeConcern").add("w", int32_t{1}).end();
  auto reply = connection.command(ns.db, command.finish(), cancel);
  if (!reply) return fail(std::move(reply).error().within(ns.text()));
  return {};
}

/// Trying one by one only helps where the server refused something.
bool is_refusal(const Error& error) {
  return error.code() != 0 && error.kind() != ErrorKind::kDenied && error.kind() != ErrorKind::kUnavailable &&
         !is_stop(error);
}

}  // namespace

bson::Document index_to_create(bson::View listed, bool collection_has_collation) {
  bson::Builder out;
  auto elements = listed.elements();
  while (const auto element = elements.next()) {
    if (!is_left_out(*element)) out.add(*element);
  }
  const bool may_have_one = listed.int64("v").value_or(2) >= 2;
  if (collection_has_collation && may_have_one && !listed.find("collation"))
    out.open("collation").add("locale", "simple").end();
  return out.finish();
}

Result<std::vector<FailedIndex>> create_indexes(Connection& connection, const bson::Namespace& ns,
                                                const std::vector<bson::Document>& indexes,
                                                bool collection_has_collation, const Cancel& cancel) {
  std::vector<bson::Document> specs;
  for (const auto& index : indexes) {
    if (!comes_by_itself(index)) specs.push_back(index_to_create(index, collection_has_collation));
  }
  std::vector<FailedIndex> failed;
  if (specs.empty()) return failed;
  const auto all = create(connection, ns, specs, cancel);
  if (all) return failed;
  if (!is_refusal(all.error())) return fail(all.error());
  for (const auto& spec : specs) {
    const auto one = create(connection, ns, {&spec, 1}, cancel);
    if (one) continue;
    if (!is_refusal(one.error())) return fail(one.error());
    failed.push_back({std::string(spec.view().string("name").value_or("?")), one.error().message()});
  }
  return failed;
}

}  // namespace varve::mongo
