#include "mongo/privileges.h"

#include <algorithm>
#include <optional>

#include "mongo/batch.h"
#include "mongo/errors.h"
#include "mongo/target.h"
#include "mongo/topology.h"

namespace varve::mongo {

namespace {

bool allows(bson::View privilege, std::string_view action) {
  const auto actions = privilege.array("actions");
  if (!actions) return false;
  auto elements = actions->elements();
  while (const auto element = elements.next()) {
    const auto name = element->as_string();
    if (name == action || name == "anyAction") return true;
  }
  return false;
}

/// As the server reads a resource: empty names stand for every database that is not the server's own, and for every
/// collection that is not a system one.
bool covers_collection(bson::View resource, const bson::Namespace& ns) {
  if (resource.truthy("anyResource")) return true;
  const auto db = resource.string("db");
  const auto collection = resource.string("collection");
  if (!db || !collection) return false;
  const bool own = ns.db == "local" || ns.db == "config";
  const bool system = ns.collection.starts_with("system.");
  const bool db_fits = db->empty() ? (!own || !collection->empty()) : *db == ns.db;
  const bool collection_fits = collection->empty() ? !system : *collection == ns.collection;
  return db_fits && collection_fits;
}

bool covers_everything(bson::View resource) {
  return resource.truthy("anyResource") || (resource.string("db") == "" && resource.string("collection") == "");
}

/// What a login lacks of what is needed, in words and with the server's name for each right.
class Uses {
 public:
  explicit Uses(const Privileges& privileges) : privileges_(privileges) {}

  void on_cluster(std::string_view action, std::string_view why) { need(privileges_.on_cluster(action), action, why); }
  void on_every_collection(std::string_view action, std::string_view why) {
    need(privileges_.on_every_collection(action), action, why);
  }
  void on_time_series(std::string_view action, std::string_view why) {
    need(privileges_.on_time_series(action), action, why);
  }
  /// `db` may be empty for every database.
  void on(const char* db, const char* collection, std::string_view action, std::string_view why) {
    need(privileges_.on_collection({db, collection}, action), action, why);
  }
  const std::vector<std::string>& lacking() const { return lacking_; }

 private:
  void need(bool granted, std::string_view action, std::string_view why) {
    if (!granted) lacking_.push_back(std::string(why) + " (" + std::string(action) + ")");
  }

  const Privileges& privileges_;
  std::vector<std::string> lacking_;
};

/// Joins what one role is needed for into one line.
std::vector<std::string> as_role(const std::string& role, const std::vector<std::string>& uses) {
  if (uses.empty()) return {};
  std::string line = role + ": to ";
  for (size_t i = 0; i < uses.size(); ++i) line += (i == 0 ? "" : ", ") + uses[i];
  return {line};
}

void append(std::vector<std::string>& to, std::vector<std::string> more) {
  std::ranges::move(more, std::back_inserter(to));
}

/// The login's privileges, or what stands in their place: {} of no login where none is needed, or the lack of one.
struct Login {
  bson::Document status;
  std::string user;  ///< of the first login
  std::string db;    ///< where that user lives
  bool needed = true;

  Privileges privileges() const {
    return Privileges(status.view().array("authInfo.authenticatedUserPrivileges").value_or(bson::View()));
  }
};

Result<Login> login_of(Connection& connection, const Cancel& cancel) {
  Login login;
  bson::Builder command;
  command.add("connectionStatus", int32_t{1}).add("showPrivileges", true);
  TRY_ASSIGN(login.status, connection.command("admin", command.finish(), cancel));
  const auto users = login.status.view().array("authInfo.authenticatedUsers");
  if (users && !users->empty()) {
    login.user = std::string(users->string("0.user").value_or(""));
    login.db = std::string(users->string("0.db").value_or("admin"));
    // Every MongoDB tells them. Who does not is another server, and says what it denies when it is asked for it.
    login.needed = login.status.view().array("authInfo.authenticatedUserPrivileges").has_value();
    return login;
  }
  bson::Builder list;
  list.add("listDatabases", int32_t{1}).add("nameOnly", true);
  const auto allowed = connection.command("admin", list.finish(), cancel);
  login.needed = !allowed && allowed.error().kind() == ErrorKind::kDenied;
  return login;
}

/// The command that gives what is missing, in the words of the shell.
void add_grant(const Login& login, const std::vector<std::string>& roles, std::vector<std::string>& lines) {
  if (lines.empty()) return;
  std::string list;
  for (const auto& role : roles) {
    list += list.empty() ? "" : ", ";
    list += login.db == "admin" ? "\"" + role + "\"" : "{role: \"" + role + "\", db: \"admin\"}";
  }
  lines.push_back("grant it:  db.getSiblingDB(\"" + login.db + "\").grantRolesToUser(\"" + login.user + "\", [" + list +
                  "])");
}

/// Older servers know no such resource.
bool has_time_series(const Connection& connection) {
  constexpr int64_t kWireOf50 = 13;
  return connection.wire_version() >= kWireOf50;
}

std::vector<std::string> roles_in(const std::vector<std::string>& lines) {
  std::vector<std::string> roles;
  for (const auto& line : lines) roles.push_back(line.substr(0, line.find(':')));
  return roles;
}

template <typename Lacking>
Result<std::vector<std::string>> missing(Connection& connection, const Cancel& cancel, const Lacking& lacking) {
  TRY_ASSIGN(const auto login, login_of(connection, cancel));
  if (!login.needed) return std::vector<std::string>{};
  if (login.user.empty()) {
    return std::vector<std::string>{"a login: the server asks for one, and the connection string names no user"};
  }
  auto lines = lacking(login.privileges());
  add_grant(login, roles_in(lines), lines);
  return lines;
}

}  // namespace

template <typename Covers>
bool Privileges::any(std::string_view action, const Covers& covers) const {
  if (array_.bytes().empty()) return false;
  auto elements = array_.elements();
  while (const auto element = elements.next()) {
    const auto privilege = element->as_document();
    const auto resource = privilege ? privilege->document("resource") : std::nullopt;
    if (resource && covers(*resource) && allows(*privilege, action)) return true;
  }
  return false;
}

bool Privileges::on_collection(const bson::Namespace& ns, std::string_view action) const {
  return any(action, [&](bson::View resource) { return covers_collection(resource, ns); });
}

bool Privileges::on_every_collection(std::string_view action) const {
  return any(action, [](bson::View resource) { return covers_everything(resource); });
}

bool Privileges::on_every_database(std::string_view action) const {
  return on_every_collection(action);
}

bool Privileges::on_cluster(std::string_view action) const {
  return any(action, [](bson::View resource) { return resource.truthy("cluster") || resource.truthy("anyResource"); });
}

bool Privileges::on_time_series(std::string_view action) const {
  return any(action, [](bson::View resource) {
    return resource.truthy("anyResource") || (resource.string("system_buckets") == "" && !resource.find("db"));
  });
}

std::vector<std::string> lacking_for_backup(const Privileges& privileges, const BackupDeeds& deeds) {
  Uses uses(privileges);
  uses.on_cluster("listDatabases", "list the databases");
  uses.on_cluster("useUUID", "read collections by their UUID");
  uses.on_every_collection("listCollections", "list collections");
  uses.on_every_collection("listIndexes", "list indexes");
  uses.on_every_collection("find", "read every collection");
  uses.on("", "system.js", "find", "read system.js");
  uses.on("admin", "system.users", "find", "read users");
  uses.on("admin", "system.roles", "find", "read roles");
  uses.on("admin", "system.version", "find", "tell a shard from a replica set");
  if (deeds.time_series) uses.on_time_series("find", "read time-series collections");
  if (deeds.replica_set) {
    uses.on("local", "oplog.rs", "find", "read local.oplog.rs");
    uses.on("config", "transactions", "find", "read config.transactions");
  } else {
    uses.on_cluster("serverStatus", "see whether it is written to");
    uses.on_every_collection("collStats", "see what is written to");
  }
  auto lines = as_role("backup", uses.lacking());
  if (!deeds.lock) return lines;
  Uses locking(privileges);
  locking.on_cluster("fsync", "lock the server");
  locking.on_cluster("unlock", "unlock it");
  append(lines, as_role("hostManager", locking.lacking()));
  return lines;
}

std::vector<std::string> lacking_for_restore(const Privileges& privileges, const RestoreDeeds& deeds) {
  Uses restore(privileges);
  restore.on_every_collection("createCollection", "create collections");
  if (deeds.capped) restore.on_every_collection("convertToCapped", "create capped ones");
  restore.on_every_collection("insert", "fill them");
  if (deeds.stored_functions) {
    restore.on("", "system.js", "insert", "restore stored functions");
    restore.on("", "system.js", "bypassDocumentValidation", "restore them as they are");
  }
  if (deeds.time_series) restore.on_time_series("insert", "fill time-series collections");
  restore.on_every_collection("bypassDocumentValidation", "fill them whatever their validators say");
  if (deeds.time_series) restore.on_time_series("bypassDocumentValidation", "fill them with whole buckets");
  restore.on_every_collection("createIndex", "build indexes");
  restore.on_every_collection("collMod", "set expiry");
  restore.on_every_collection("dropCollection", "drop what is replaced");
  restore.on_every_collection("listCollections", "see what is there");
  if (deeds.users) {
    for (const auto* action : {"viewUser", "viewRole"}) restore.on_every_collection(action, "see who is there");
    for (const auto* action : {"createUser", "createRole", "grantRole", "revokeRole"}) {
      restore.on_every_collection(action, "restore users and roles");
    }
  }
  Uses replace(privileges);
  if (deeds.replace_users) {
    restore.on_every_collection("dropUser", "replace users");
    replace.on_every_collection("setAuthenticationRestriction", "replace roles");
  }
  Uses access(privileges);
  access.on_cluster("listDatabases", "list the databases");
  access.on_every_collection("find", "read back what was restored");
  if (deeds.stored_functions) {
    access.on("", "system.js", "find", "read stored functions back");
    access.on("", "system.js", "remove", "replace them");
  }
  if (deeds.time_series) access.on_time_series("find", "read time-series collections back");
  access.on_every_collection("listIndexes", "read indexes back");
  access.on_every_collection("update", "keep empty timestamps as they are");
  if (deeds.overwrite) access.on_every_collection("remove", "put documents with such in the place of others");
  access.on("varve_restore", "collections", "remove", "note how far it has come in varve_restore");
  access.on("varve_restore", "runs", "remove", "note that it is under way there");
  access.on_every_collection("renameCollectionSameDB", "put it in the place of what is replaced");
  auto lines = as_role("restore", restore.lacking());
  append(lines, as_role("readWriteAnyDatabase", access.lacking()));
  append(lines, as_role("userAdminAnyDatabase", replace.lacking()));
  return lines;
}

Result<std::vector<std::string>> missing_for_backup(Connection& connection, bool lock, const Cancel& cancel) {
  const BackupDeeds deeds{
      .replica_set = connection.in_replica_set(), .lock = lock, .time_series = has_time_series(connection)};
  return missing(connection, cancel, [&](const Privileges& p) { return lacking_for_backup(p, deeds); });
}

Result<std::vector<std::string>> missing_for_restore(Connection& connection, RestoreDeeds deeds, const Cancel& cancel) {
  deeds.time_series = deeds.time_series && has_time_series(connection);
  return missing(connection, cancel, [&](const Privileges& p) { return lacking_for_restore(p, deeds); });
}

}  // namespace varve::mongo
