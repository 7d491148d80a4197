#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/namespace.h"
#include "mongo/catalog.h"
#include "mongo/connection.h"
#include "mongo/privileges.h"

namespace varve::mongo {

/// What is being restored into. kUnsupported for a mongos, shard or config server (until sharded restores exist).
struct TargetInfo {
  std::string version;
  std::vector<int> version_array;
  std::string fcv;
  std::string product;  ///< of another server that speaks MongoDB's protocol, which takes what it takes
  bool replica_set = false;
  std::string host;                     ///< of the primary or standalone
  std::string user;                     ///< the login in use, "db.user"; "" without authorization
  std::vector<std::string> user_roles;  ///< that it has, directly or by others, "db.role"
  std::string election_id;              ///< of the primary, hex; barrier() refuses another one. "" on a standalone

  /// For people: "MongoDB 6.0.5".
  std::string name() const { return product.empty() ? "MongoDB " + version : product; }
};
Result<TargetInfo> inspect_target(Connection& connection, const Cancel& cancel);

/// Privileges that a restore needs and the login lacks, as role names with the reason.
Result<std::vector<std::string>> missing_for_restore(Connection& connection, RestoreDeeds deeds, const Cancel& cancel);

/// Creates a collection or view with these options (verbatim from the source; expireAfterSeconds is to be left out by
/// the caller until the end: RULES 17) and its idIndex, where it is not the plain one.
Status create_collection(Connection& connection, const bson::Namespace& ns, bson::View options, bson::View id_index,
                         const Cancel& cancel);
/// Why the server would not create this view of that database, in its own words; "" if it would. Writes nothing.
Result<std::string> why_no_view(Connection& connection, const std::string& db, bson::View options,
                                const Cancel& cancel);
Status drop_collection(Connection& connection, const bson::Namespace& ns, const Cancel& cancel);
Status delete_all(Connection& connection, const bson::Namespace& ns, const Cancel& cancel);
/// Within one database, replacing `to` if it is there.
Status rename_over(Connection& connection, const bson::Namespace& from, const bson::Namespace& to,
                   const Cancel& cancel);
Status run_coll_mod(Connection& connection, const bson::Namespace& ns, bson::View changes, const Cancel& cancel);

/// An index's specification as createIndexes takes it: without what listIndexes adds and servers of our versions
/// refuse, and, where the collection has a collation and the index none, with the simple one by name.
bson::Document index_to_create(bson::View listed, bool collection_has_collation);

/// All in one createIndexes, as index_to_create() gives them; if that fails, one by one, so that a bad one sinks
/// nothing else (RULES 18).
struct FailedIndex {
  std::string name;
  std::string reason;
};
Result<std::vector<FailedIndex>> create_indexes(Connection& connection, const bson::Namespace& ns,
                                                const std::vector<bson::Document>& indexes,
                                                bool collection_has_collation, const Cancel& cancel);

struct InsertOptions {
  bool keep_order = false;  ///< one after the other, as for a capped collection
  bool overwrite = false;   ///< documents that have the same `_id`, instead of refusing them; not with `keep_order`
  bool plain = false;       ///< documents with an empty timestamp too: where the server fills none in
  /// That each command waits for; barrier() makes it all durable at the end.
  std::string write_concern = "1";
};

/// More than this no server of any version takes as one document.
constexpr size_t kMaxDocumentBytes = 16u << 20;

/// A document's `_id` for people; a long one is cut.
std::string id_text(ByteView document);

/// Collects documents and inserts them, without validation by the collection's validator. Documents with a top-level
/// Timestamp(0,0) are written so that the server keeps it. One thread. A document that the server refuses is an error
/// that names its `_id`.
class Inserter {
 public:
  Inserter(Connection& connection, bson::Namespace ns, InsertOptions options);
  ~Inserter();
  Status add(ByteView document, const Cancel& cancel);
  Status flush(const Cancel& cancel);
  /// Where set, a document whose `_id` is on the target already is passed to `visit` and no error. Not with
  /// `keep_order` or `overwrite`.
  void on_duplicate(std::function<void(ByteView)> visit);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// kInconsistent if the target has another primary than when it was looked at: a primary that was replaced may have
/// taken writes along that no majority had confirmed.
Status check_same_primary(Connection& connection, const TargetInfo& target, const Cancel& cancel);

/// A majority, journalled write after everything else: only then is a restore said to be done (RULES 14). On a
/// standalone journalled only.
Status barrier(Connection& connection, const TargetInfo& target, const Cancel& cancel);

/// Users and roles, given as documents of admin.system.users and admin.system.roles. Existing ones stay as they are
/// unless `replace`, none is deleted, the login in use is never changed (RULES 16). Uses _mergeAuthzCollections with
/// temporary collections in admin.
struct AuthResult {
  std::vector<std::string> users_added, users_replaced, users_kept, roles_added, roles_replaced, roles_kept;
};
Result<AuthResult> merge_users_and_roles(Connection& connection, const TargetInfo& target,
                                         const std::vector<bson::Document>& users,
                                         const std::vector<bson::Document>& roles, bool replace, const Cancel& cancel);
/// The same without writing, for --dry-run.
Result<AuthResult> plan_users_and_roles(Connection& connection, const TargetInfo& target,
                                        const std::vector<bson::Document>& users,
                                        const std::vector<bson::Document>& roles, bool replace, const Cancel& cancel);

}  // namespace varve::mongo
