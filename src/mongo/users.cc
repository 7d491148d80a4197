#include <algorithm>
#include <set>

#include "mongo/batch.h"
#include "mongo/errors.h"
#include "mongo/target.h"

namespace varve::mongo {

namespace {

const bson::Namespace kTempUsers{"admin", "varve_temp_users"};
const bson::Namespace kTempRoles{"admin", "varve_temp_roles"};

std::string id_of(bson::View document) {
  return std::string(document.string("_id").value_or(""));
}

bool names(const std::vector<std::string>& ids, bson::View document) {
  return std::ranges::find(ids, id_of(document)) != ids.end();
}

/// Which of these users (`kind` "user") or roles ("role") are on the target already, by their "db.name". Asked for by
/// name, since that is what a restorer may do; reading admin.system.roles is not.
Result<std::set<std::string>> present(Connection& connection, const std::string& kind,
                                      const std::vector<bson::Document>& documents, const Cancel& cancel) {
  std::set<std::string> ids;
  if (documents.empty()) return ids;
  bson::Builder command;
  command.open_array(kind + "sInfo");
  size_t count = 0;
  for (const auto& document : documents) {
    command.open(std::to_string(count++)).add(kind, document.view().string(kind).value_or(""));
    command.add("db", document.view().string("db").value_or("")).end();
  }
  command.end();
  auto reply = connection.command("admin", command.finish(), cancel);
  if (!reply) return fail(std::move(reply).error().within("existing " + kind + "s"));
  const auto found = reply->view().array(kind + "s");
  if (!found) return fail(ErrorKind::kCorrupt, connection.host() + ": " + kind + "sInfo without " + kind + "s");
  TRY(each_in_batch(*found, [&](ByteView entry) -> Status {
    const bson::View view(entry);
    ids.insert(std::string(view.string("db").value_or("")) + "." + std::string(view.string(kind).value_or("")));
    return {};
  }));
  return ids;
}

/// Where each of them goes: to those that are added, replaced or kept.
void divide(const std::vector<bson::Document>& documents, const std::set<std::string>& present,
            const std::vector<std::string>& untouchable, std::vector<std::string>& added,
            std::vector<std::string>* replaced, std::vector<std::string>& kept) {
  for (const auto& document : documents) {
    auto id = id_of(document);
    auto& where = std::ranges::find(untouchable, id) != untouchable.end() ? kept
                  : !present.contains(id)                                 ? added
                  : replaced != nullptr                                   ? *replaced
                                                                          : kept;
    where.push_back(std::move(id));
  }
}

/// The login in use and the roles that it has stay: whoever restores must not lock themselves out.
Result<AuthResult> divide_all(Connection& connection, const TargetInfo& target,
                              const std::vector<bson::Document>& users, const std::vector<bson::Document>& roles,
                              bool replace, const Cancel& cancel) {
  TRY_ASSIGN(const auto users_there, present(connection, "user", users, cancel));
  TRY_ASSIGN(const auto roles_there, present(connection, "role", roles, cancel));
  AuthResult result;
  divide(users, users_there, {target.user}, result.users_added, replace ? &result.users_replaced : nullptr,
         result.users_kept);
  divide(roles, roles_there, target.user_roles, result.roles_added, replace ? &result.roles_replaced : nullptr,
         result.roles_kept);
  return result;
}

/// The two collections that the server takes new users and roles from; gone again when this is, also after an error or
/// a stop, since they hold credentials.
class TempCollections {
 public:
  explicit TempCollections(Connection& connection) : connection_(connection) {}
  ~TempCollections() {
    for (const auto& ns : {kTempUsers, kTempRoles}) (void)drop_collection(connection_, ns, Cancel());
  }
  TempCollections(const TempCollections&) = delete;
  TempCollections& operator=(const TempCollections&) = delete;

  Status fill(const bson::Namespace& ns, const std::vector<bson::Document>& documents,
              const std::vector<std::string>& added, const std::vector<std::string>& replaced, const Cancel& cancel) {
    TRY(drop_collection(connection_, ns, cancel));
    TRY(create_collection(connection_, ns, {}, {}, cancel));
    Inserter inserter(connection_, ns, {});
    for (const auto& document : documents) {
      if (names(added, document) || names(replaced, document)) TRY(inserter.add(document.bytes(), cancel));
    }
    return inserter.flush(cancel);
  }

 private:
  Connection& connection_;
};

/// Of one of the two; an empty name is none.
Status merge(Connection& connection, bool replica_set, const std::string& users, const std::string& roles,
             const Cancel& cancel) {
  bson::Builder command;
  command.add("_mergeAuthzCollections", int32_t{1});
  command.add("tempUsersCollection", users).add("tempRolesCollection", roles);
  command.add("db", "").add("drop", false).open("writeConcern");
  if (replica_set) {
    command.add("w", "majority");
  } else {
    command.add("w", int32_t{1});
  }
  command.end();
  auto reply = connection.command("admin", command.finish(), cancel);
  if (!reply) return fail(std::move(reply).error().within("users and roles"));
  return {};
}

bson::Builder command_on(const char* command, const char* kind, bson::View user_or_role) {
  bson::Builder builder;
  builder.add(command, user_or_role.string(kind).value_or(""));
  return builder;
}

/// A role changes in place: dropping it would take it from all who have it.
Status replace_role(Connection& connection, bson::View role, const Cancel& cancel) {
  auto command = command_on("updateRole", "role", role);
  // A field that is not given would stay as the target has it.
  for (const char* field : {"privileges", "roles", "authenticationRestrictions"}) {
    if (const auto value = role.array(field)) {
      command.add_array(field, *value);
    } else {
      command.open_array(field).end();
    }
  }
  auto reply = connection.command(role.string("db").value_or(""), command.finish(), cancel);
  if (!reply) return fail(std::move(reply).error().within("role " + id_of(role)));
  return {};
}

/// A user's credentials can only be brought back by a merge, which leaves those that exist alone.
Status make_way(Connection& connection, bson::View user, const Cancel& cancel) {
  auto command = command_on("dropUser", "user", user);
  auto reply = connection.command(user.string("db").value_or(""), command.finish(), cancel);
  if (!reply) return fail(std::move(reply).error().within("user " + id_of(user)));
  return {};
}

}  // namespace

Result<AuthResult> merge_users_and_roles(Connection& connection, const TargetInfo& target,
                                         const std::vector<bson::Document>& users,
                                         const std::vector<bson::Document>& roles, bool replace, const Cancel& cancel) {
  TRY_ASSIGN(auto result, divide_all(connection, target, users, roles, replace, cancel));
  TempCollections temporary(connection);
  if (!result.roles_added.empty()) {
    TRY(temporary.fill(kTempRoles, roles, result.roles_added, {}, cancel));
    TRY(merge(connection, target.replica_set, "", kTempRoles.text(), cancel));
  }
  // These may inherit from those.
  for (const auto& role : roles) {
    if (names(result.roles_replaced, role)) TRY(replace_role(connection, role, cancel));
  }
  if (result.users_added.empty() && result.users_replaced.empty()) return result;
  TRY(temporary.fill(kTempUsers, users, result.users_added, result.users_replaced, cancel));
  const auto exchange = [&]() -> Status {
    for (const auto& user : users) {
      if (names(result.users_replaced, user)) TRY(make_way(connection, user, cancel));
    }
    return merge(connection, target.replica_set, kTempUsers.text(), "", cancel);
  };
  auto exchanged = exchange();
  if (!exchanged && !result.users_replaced.empty()) {
    return fail(
        std::move(exchanged).error().hint("users that were to be replaced may be gone from the target: --users "
                                          "brings them back"));
  }
  TRY(exchanged);
  return result;
}

Result<AuthResult> plan_users_and_roles(Connection& connection, const TargetInfo& target,
                                        const std::vector<bson::Document>& users,
                                        const std::vector<bson::Document>& roles, bool replace, const Cancel& cancel) {
  return divide_all(connection, target, users, roles, replace, cancel);
}

}  // namespace varve::mongo
