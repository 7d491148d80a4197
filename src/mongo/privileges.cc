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

void need(bool granted, std::string line, std::vector<std::string>& lines) {
  if (!granted) lines.push_back(std::move(line));
}

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

std::vector<std::string> lacking_for_backup(const Privileges& privileges, bool replica_set, bool lock) {
  std::vector<std::string> uses;
  need(privileges.on_cluster("listDatabases"), "list the databases", uses);
  need(privileges.on_every_collection("listCollections") && privileges.on_every_collection("listIndexes"),
       "list collections and indexes", uses);
  need(privileges.on_every_collection("find"), "read every collection", uses);
  need(privileges.on_collection({"admin", "system.users"}, "find") &&
           privileges.on_collection({"admin", "system.roles"}, "find"),
       "read users and roles", uses);
  if (replica_set) {
    need(privileges.on_collection({"local", "oplog.rs"}, "find"), "read local.oplog.rs", uses);
    need(privileges.on_collection({"config", "transactions"}, "find"), "read config.transactions", uses);
  }
  auto lines = as_role("backup", uses);
  if (!lock) return lines;
  std::vector<std::string> locking;
  need(privileges.on_cluster("fsync") && privileges.on_cluster("unlock"), "lock the server and unlock it", locking);
  append(lines, as_role("hostManager", locking));
  return lines;
}

std::vector<std::string> lacking_for_restore(const Privileges& privileges, bool with_users) {
  std::vector<std::string> restore;
  const auto every = [&](std::initializer_list<std::string_view> actions) {
    return std::ranges::all_of(actions, [&](auto action) { return privileges.on_every_collection(action); });
  };
  need(every({"createCollection", "insert", "bypassDocumentValidation"}), "create and fill collections", restore);
  need(every({"createIndex", "collMod"}), "build indexes", restore);
  need(every({"dropCollection"}), "drop what is replaced", restore);
  if (with_users) {
    need(privileges.on_every_database("viewUser") && privileges.on_every_database("viewRole") &&
             privileges.on_every_database("createUser"),
         "restore users and roles", restore);
  }
  std::vector<std::string> access;
  need(every({"find"}), "read back what was restored", access);
  need(every({"update"}), "keep empty timestamps as they are", access);
  need(privileges.on_collection({"varve_restore", "collections"}, "remove"),
       "note how far it has come in varve_restore", access);
  need(every({"renameCollectionSameDB"}), "put it in the place of what is replaced", access);
  auto lines = as_role("restore", restore);
  append(lines, as_role("readWriteAnyDatabase", access));
  return lines;
}

Result<std::vector<std::string>> missing_for_backup(Connection& connection, bool lock, const Cancel& cancel) {
  const bool replica_set = connection.in_replica_set();
  return missing(connection, cancel, [&](const Privileges& p) { return lacking_for_backup(p, replica_set, lock); });
}

Result<std::vector<std::string>> missing_for_restore(Connection& connection, bool with_users, const Cancel& cancel) {
  return missing(connection, cancel, [&](const Privileges& p) { return lacking_for_restore(p, with_users); });
}

}  // namespace varve::mongo
