#include "mongo/server.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "mongo/batch.h"

namespace varve::mongo {

namespace {

bson::Document simple(std::string_view name) {
  bson::Builder command;
  command.add(name, int32_t{1});
  return command.finish();
}

std::optional<bson::Document> first_of(Connection& connection, std::string_view db, bson::Builder& find,
                                       const Cancel& cancel) {
  find.add("limit", int32_t{1}).add("singleBatch", true);
  auto found = all_results(connection, db, find.finish(), cancel);
  if (!found || found->documents.empty()) return std::nullopt;
  return std::move(found->documents.front());
}

}  // namespace

Result<bson::Document> is_master(Connection& connection, const Cancel& cancel) {
  return connection.command("admin", simple("isMaster"), cancel);
}

std::string product_of(bson::View build_info) {
  struct Mark {
    const char *field, *name;
  };
  constexpr std::array kMarks = {Mark{"ferretdbVersion", "FerretDB"}, Mark{"ferretdb.version", "FerretDB"},
                                 Mark{"secantusVersion", "SecantusDB"}};
  for (const auto& mark : kMarks) {
    const auto version = build_info.string(mark.field);
    if (!version) continue;
    const bool known = std::ranges::any_of(*version, [](unsigned char c) { return std::isdigit(c) != 0; });
    return known ? mark.name + (" " + std::string(*version)) : mark.name;
  }
  return "";
}

Result<ServerVersion> server_version(Connection& connection, const Cancel& cancel) {
  TRY_ASSIGN(const auto reply, connection.command("admin", simple("buildInfo"), cancel));
  ServerVersion version;
  version.text = std::string(reply.view().string("version").value_or(""));
  if (const auto numbers = reply.view().array("versionArray")) {
    auto elements = numbers->elements();
    while (const auto element = elements.next()) {
      version.numbers.push_back(static_cast<int>(element->as_int64().value_or(0)));
    }
  }
  version.product = product_of(reply);
  return version;
}

std::string feature_version(Connection& connection, const Cancel& cancel) {
  bson::Builder command;
  command.add("getParameter", int32_t{1}).add("featureCompatibilityVersion", int32_t{1});
  const auto reply = connection.command("admin", command.finish(), cancel);
  return reply ? std::string(reply->view().string("featureCompatibilityVersion.version").value_or("")) : "";
}

int64_t rollback_id(Connection& connection, const Cancel& cancel) {
  bson::Builder command;
  command.add("replSetGetRBID", int32_t{1});
  const auto reply = connection.command("admin", command.finish(), cancel);
  return reply ? reply->view().int64("rbid").value_or(-1) : -1;
}

std::chrono::seconds history_window(Connection& connection, const Cancel& cancel) {
  constexpr int64_t kDefault = 300;
  constexpr const char* kName = "minSnapshotHistoryWindowInSeconds";
  bson::Builder get;
  get.add("getParameter", int32_t{1}).add(kName, int32_t{1});
  const auto reply = connection.command("admin", get.finish(), cancel);
  return std::chrono::seconds(reply ? reply->view().int64(kName).value_or(kDefault) : kDefault);
}

bson::Document stored_configuration(Connection& connection, const Cancel& cancel) {
  bson::Builder find;
  find.add("find", "system.replset");
  return first_of(connection, "local", find, cancel).value_or(bson::Document());
}

std::optional<bson::Document> shard_identity(Connection& connection, const Cancel& cancel) {
  bson::Builder find;
  find.add("find", "system.version").open("filter").add("_id", "shardIdentity").end();
  return first_of(connection, "admin", find, cancel);
}

}  // namespace varve::mongo
