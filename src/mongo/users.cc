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

void divide(const std::vector<bson::Document>& documents, const std::set<std::string>& present,
            std::vector<std::string>& added, std::vector<std::string>& kept) {
  for (const auto& document : documents) {
    auto id = id_of(document);
    (present.contains(id) ? kept : added).push_back(std::move(id));
  }
}

Result<AuthResult> divide_all(Connection& connection, const std::string& login,
                              const std::vector<bson::Document>& users, const std::vector<bson::Document>& roles,
                              const Cancel& cancel) {
  TRY_ASSIGN(auto users_there, present(connection, "user", users, cancel));
  TRY_ASSIGN(const auto roles_there, present(connection, "role", roles, cancel));
  users_there.insert(login);
  AuthResult result;
  divide(users, users_there, result.users_added, result.users_kept);
  divide(roles, roles_there, result.roles_added, result.roles_kept);
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
              const std::vector<std::string>& wanted, const Cancel& cancel) {
    TRY(drop_collection(connection_, ns, cancel));
    TRY(create_collection(connection_, ns, {}, {}, cancel));
    Inserter inserter(connection_, ns, false);
    for (const auto& document : documents) {
      if (std::ranges::find(wanted, id_of(document)) == wanted.end()) continue;
      TRY(inserter.add(document.bytes(), cancel));
    }
    return inserter.flush(cancel);
  }

 private:
  Connection& connection_;
};

Status merge(Connection& connection, bool replica_set, const Cancel& cancel) {
  bson::Builder command;
  command.add("_mergeAuthzCollections", int32_t{1});
  command.add("tempUsersCollection", kTempUsers.text()).add("tempRolesCollection", kTempRoles.text());
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

}  // namespace

Result<AuthResult> merge_users_and_roles(Connection& connection, const TargetInfo& target,
                                         const std::vector<bson::Document>& users,
                                         const std::vector<bson::Document>& roles, const Cancel& cancel) {
  TRY_ASSIGN(auto result, divide_all(connection, target.user, users, roles, cancel));
  if (result.users_added.empty() && result.roles_added.empty()) return result;
  TempCollections temporary(connection);
  TRY(temporary.fill(kTempUsers, users, result.users_added, cancel));
  TRY(temporary.fill(kTempRoles, roles, result.roles_added, cancel));
  TRY(merge(connection, target.replica_set, cancel));
  return result;
}

Result<AuthResult> plan_users_and_roles(Connection& connection, const std::vector<bson::Document>& users,
                                        const std::vector<bson::Document>& roles, const Cancel& cancel) {
  return divide_all(connection, "", users, roles, cancel);
}

}  // namespace varve::mongo
