#include "mongo/target.h"

#include <array>
#include <tuple>

#include "base/timed_stop.h"
#include "mongo/errors.h"
#include "mongo/member.h"
#include "mongo/server.h"

namespace varve::mongo {

namespace {

constexpr auto kCleanUp = std::chrono::seconds(10);

/// The load does not wait for other members; barrier() does, once, at the end. Said in each command, since a set may
/// have another default.
void add_quick_write_concern(bson::Builder& command) {
  command.open("writeConcern").add("w", int32_t{1}).end();
}

void find_login(Connection& connection, TargetInfo& target, const Cancel& cancel) {
  bson::Builder command;
  command.add("connectionStatus", int32_t{1});
  const auto reply = connection.command("admin", command.finish(), cancel);
  if (!reply) return;
  const auto user = reply->view().string("authInfo.authenticatedUsers.0.user");
  const auto db = reply->view().string("authInfo.authenticatedUsers.0.db");
  if (user && db) target.user = std::string(*db) + "." + std::string(*user);
  const auto roles = reply->view().array("authInfo.authenticatedUserRoles");
  if (!roles) return;
  auto elements = roles->elements();
  while (const auto element = elements.next()) {
    const auto role = element->as_document();
    if (!role) continue;
    target.user_roles.push_back(std::string(role->string("db").value_or("")) + "." +
                                std::string(role->string("role").value_or("")));
  }
}

Error not_writable(const std::string& host, bson::View answer) {
  Error error(ErrorKind::kUnavailable, host + " is no primary, so nothing can be written to it");
  if (const auto primary = answer.string("primary")) {
    return std::move(error).hint("the primary of '" + std::string(answer.string("setName").value_or("")) + "' is " +
                                 std::string(*primary));
  }
  return std::move(error).hint("its set has no primary now; see rs.status()");
}

/// Options that are listed but that no create takes: internal marks, and what servers of our versions removed.
bool is_left_out(std::string_view option) {
  constexpr std::array kLeftOut = {"autoIndexId", "flags", "recordIdsReplicated", "temp", "uuid"};
  for (const std::string_view left_out : kLeftOut) {
    if (left_out == option) return true;
  }
  return false;
}

/// An `_id` index of version 1 must be asked for; the one of version 2 comes by itself, with the collection's
/// collation.
bool is_plain(bson::View id_index) {
  return id_index.empty() || id_index.int64("v").value_or(2) >= 2;
}

bson::Document cleaned_id_index(bson::View id_index) {
  bson::Builder cleaned;
  auto elements = id_index.elements();
  while (const auto element = elements.next()) {
    if (element->name() != "ns") cleaned.add(*element);
  }
  return cleaned.finish();
}

Status run_in(Connection& connection, const std::string& db, bson::Builder& command, const std::string& label,
              const Cancel& cancel) {
  add_quick_write_concern(command);
  auto reply = connection.command(db, command.finish(), cancel);
  if (!reply) return fail(std::move(reply).error().within(label));
  return {};
}

/// Clustered and capped by bytes: no create makes one, only the conversion of a clustered collection (5.3 to 6.0).
bool is_converted_cluster(bson::View options) {
  return options.document("clusteredIndex") && options.truthy("capped") && options.find("size");
}

/// Leaves nothing there if the conversion is refused.
Status create_converted_cluster(Connection& connection, const bson::Namespace& ns, bson::View options,
                                bson::View id_index, const Cancel& cancel) {
  const auto plain = bson::without(bson::without(options, "capped"), "size");
  TRY(create_collection(connection, ns, plain.view(), id_index, cancel));
  bson::Builder convert;
  convert.add("convertToCapped", ns.collection).add(*options.find("size"));
  auto converted = run_in(connection, ns.db, convert, ns.text(), cancel);
  if (!converted) std::ignore = drop_collection(connection, ns, TimedStop(kCleanUp).cancel());
  return converted;
}

}  // namespace

Result<TargetInfo> inspect_target(Connection& connection, const Cancel& cancel) {
  TRY_ASSIGN(const auto answer, is_master(connection, cancel));
  TRY_ASSIGN(const auto role, role_of(connection.host(), answer));
  if (const auto identity = shard_identity(connection, cancel)) {
    return fail(refuse_shard(connection.host(), *identity));
  }
  if (!answer.view().truthy("ismaster") && !answer.view().truthy("isWritablePrimary")) {
    return fail(not_writable(connection.host(), answer));
  }
  TargetInfo target;
  TRY_ASSIGN(const auto version, server_version(connection, cancel));
  target.version = version.text;
  target.version_array = version.numbers;
  target.product = version.product;
  if (target.product.empty()) target.fcv = feature_version(connection, cancel);
  target.replica_set = role == ServerRole::kMember && target.product.empty();
  target.host = connection.host();
  find_login(connection, target, cancel);
  if (const auto election = answer.view().find("electionId")) target.election_id = to_hex(election->value());
  return target;
}

Status create_collection(Connection& connection, const bson::Namespace& ns, bson::View options, bson::View id_index,
                         const Cancel& cancel) {
  if (is_converted_cluster(options)) return create_converted_cluster(connection, ns, options, id_index, cancel);
  bson::Builder create;
  create.add("create", ns.collection);
  auto elements = options.elements();
  while (const auto element = elements.next()) {
    if (!is_left_out(element->name())) create.add(*element);
  }
  if (!is_plain(id_index)) create.add("idIndex", cleaned_id_index(id_index).view());
  return run_in(connection, ns.db, create, ns.text(), cancel);
}

Result<std::string> why_no_view(Connection& connection, const std::string& db, bson::View options,
                                const Cancel& cancel) {
  const bson::Document nothing;
  bson::Builder explain;
  explain.add("aggregate", options.string("viewOn").value_or(""));
  explain.add_array("pipeline", options.array("pipeline").value_or(nothing.view()));
  if (const auto collation = options.find("collation")) explain.add(*collation);
  explain.add("explain", true);
  const auto reply = connection.command(db, explain.finish(), cancel);
  if (reply) return std::string();
  const bool refused = reply.error().code() != 0 && reply.error().kind() == ErrorKind::kInternal;
  if (!refused) return fail(reply.error());
  return reply.error().message();
}

Status drop_collection(Connection& connection, const bson::Namespace& ns, const Cancel& cancel) {
  bson::Builder drop;
  drop.add("drop", ns.collection);
  auto status = run_in(connection, ns.db, drop, ns.text(), cancel);
  if (!status && status.error().code() == code::kNamespaceNotFound) return {};
  return status;
}

Status delete_all(Connection& connection, const bson::Namespace& ns, const Cancel& cancel) {
  bson::Builder remove;
  remove.add("delete", ns.collection).open_array("deletes").open("0");
  remove.open("q").end().add("limit", int32_t{0}).end().end();
  return run_in(connection, ns.db, remove, ns.text(), cancel);
}

Status rename_over(Connection& connection, const bson::Namespace& from, const bson::Namespace& to,
                   const Cancel& cancel) {
  bson::Builder rename;
  rename.add("renameCollection", from.text()).add("to", to.text()).add("dropTarget", true);
  return run_in(connection, "admin", rename, from.text() + " to " + to.text(), cancel);
}

Status run_coll_mod(Connection& connection, const bson::Namespace& ns, bson::View changes, const Cancel& cancel) {
  bson::Builder modify;
  modify.add("collMod", ns.collection);
  auto elements = changes.elements();
  while (const auto element = elements.next()) modify.add(*element);
  return run_in(connection, ns.db, modify, ns.text(), cancel);
}

}  // namespace varve::mongo
