#include "job/restore_plan.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "codec/sha256.h"
#include "job/layout.h"
#include "mongo/names.h"

namespace varve::job {

namespace {

constexpr std::string_view kTemporaryPrefix = "varve.restoring.";
constexpr size_t kNamesInAMessage = 5;
constexpr uint64_t kSmall = 256u << 20;
const bson::Namespace kUsers{"admin", "system.users"};
const bson::Namespace kRoles{"admin", "system.roles"};

/// The same for each run, so that a run after a crash finds and replaces what was left behind.
bson::Namespace temporary_name(const bson::Namespace& ns) {
  return {ns.db, std::string(kTemporaryPrefix) + codec::sha256(as_bytes(ns.text())).short_hex()};
}

/// A rename cannot bring these into place.
bool must_drop_first(const collection::CollectionEntry& entry) {
  return entry.type != "collection" || entry.ns.collection.starts_with("system.");
}

std::string names(const std::vector<bson::Namespace>& list) {
  std::string text;
  for (size_t i = 0; i < std::min(list.size(), kNamesInAMessage); ++i) text += (i ? ", " : "") + list[i].text();
  return list.size() > kNamesInAMessage ? text + ", ..." : text;
}

void add_items(const BackupMoment& moment, const std::map<bson::Namespace, std::string>& present, RestorePlan& plan) {
  for (size_t i = 0; i < moment.collections().size(); ++i) {
    const auto& entry = moment.collections()[i].entry;
    if (is_of_the_server(entry.ns)) continue;
    RestorePlan::Item item;
    item.index = i;
    item.entry = &entry;
    item.exists = present.contains(entry.ns);
    item.drop_first = must_drop_first(entry);
    item.load_into = item.exists && !item.drop_first ? temporary_name(entry.ns) : entry.ns;
    plan.documents += entry.as_read.documents;
    plan.bytes += entry.as_read.bytes;
    plan.items.push_back(std::move(item));
  }
}

std::vector<bson::Namespace> not_in_backup(const BackupMoment& moment,
                                           const std::map<bson::Namespace, std::string>& present) {
  std::set<bson::Namespace> in_backup;
  for (const auto& entry : moment.backup().manifest().collections) in_backup.insert(entry.ns);
  for (const auto& collection : moment.collections()) in_backup.insert(collection.entry.ns);
  std::vector<bson::Namespace> left;
  for (const auto& [ns, type] : present) {
    if (!in_backup.contains(ns) && !ns.collection.starts_with("system.") &&
        !ns.collection.starts_with(kTemporaryPrefix)) {
      left.push_back(ns);
    }
  }
  return left;
}

Status check_privileges(mongo::Connection& connection, const mongo::TargetInfo& target, bool users,
                        const Cancel& cancel) {
  TRY_ASSIGN(const auto missing, mongo::missing_for_restore(connection, users, cancel));
  if (missing.empty()) return {};
  Error error(ErrorKind::kDenied, target.host + ": the login may not do what a restore needs; nothing was written");
  for (const auto& role : missing) error.hint(role);
  return fail(std::move(error));
}

/// The documents of a collection of the server's own; none if the backup does not have it.
Result<std::vector<bson::Document>> small_collection(BackupMoment& moment, const bson::Namespace& ns,
                                                     const Cancel& cancel) {
  std::vector<bson::Document> documents;
  for (size_t i = 0; i < moment.collections().size(); ++i) {
    const auto& entry = moment.collections()[i].entry;
    if (entry.ns != ns) continue;
    if (entry.as_read.bytes > kSmall) return fail(ErrorKind::kUnsupported, ns.text() + " is larger than 256 MiB");
    TRY_ASSIGN(const auto reading, CollectionReading::open(moment, i, cancel));
    const auto keep = [&](ByteView document) -> Status {
      documents.emplace_back(document);
      return {};
    };
    TRY(read_collection(*reading, keep, cancel));
  }
  return documents;
}

bool has_users(const collection::Manifest& manifest) {
  return std::ranges::any_of(manifest.collections, [](const auto& entry) {
    return (entry.ns == kUsers || entry.ns == kRoles) && entry.as_read.documents > 0;
  });
}

}  // namespace

Result<RestorePlan> plan_restore(BackupMoment& moment, const RestoreOptions& options, mongo::Connection& connection,
                                 const Cancel& cancel) {
  RestorePlan plan;
  TRY_ASSIGN(plan.target, mongo::inspect_target(connection, cancel));
  std::set<std::string> databases;
  for (const auto& collection : moment.collections()) {
    if (!is_of_the_server(collection.entry.ns)) databases.insert(collection.entry.ns.db);
  }
  TRY_ASSIGN(const auto present, mongo::list_names(connection, databases, cancel));
  add_items(moment, present, plan);
  if (plan.items.empty() && !options.filter.takes_all()) {
    return fail(Error(ErrorKind::kInvalidInput, "the filters take nothing of this backup; nothing was written")
                    .hint("`varve show SNAPSHOT` lists its collections"));
  }
  plan.left_alone = not_in_backup(moment, present);

  plan.users_left_out = !options.filter.takes_all() && has_users(moment.backup().manifest());
  if (options.filter.takes_all()) {
    TRY_ASSIGN(plan.user_documents, small_collection(moment, kUsers, cancel));
    TRY_ASSIGN(plan.role_documents, small_collection(moment, kRoles, cancel));
    plan.users = !plan.user_documents.empty() || !plan.role_documents.empty();
  }
  TRY(check_privileges(connection, plan.target, plan.users, cancel));
  if (plan.users) {
    TRY_ASSIGN(plan.auth, mongo::plan_users_and_roles(connection, plan.user_documents, plan.role_documents, cancel));
  }
  return plan;
}

Status refuse_existing(const RestorePlan& plan) {
  std::vector<bson::Namespace> existing;
  for (const auto& item : plan.items) {
    if (item.exists && !item.entry->ns.collection.starts_with("system.")) existing.push_back(item.entry->ns);
  }
  if (existing.empty()) return {};
  return fail(
      Error(ErrorKind::kExists, fmt::format("{} of {} collections exist on the target ({}); nothing was written",
                                            existing.size(), plan.items.size(), names(existing)))
          .hint("--drop replaces them, each only once its successor is complete")
          .hint("--ns-include and --ns-exclude choose others"));
}

}  // namespace varve::job
