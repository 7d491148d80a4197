#include "job/restore_plan.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "codec/sha256.h"
#include "job/check_merges.h"
#include "job/check_versions.h"
#include "job/layout.h"
#include "job/renamed.h"
#include "job/restore_resume.h"
#include "mongo/names.h"

namespace varve::job {

namespace {

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

Result<RestorePlan::Item> make_item(const collection::CollectionEntry& entry, const RestoreOptions& options,
                                    const mongo::Names& present) {
  RestorePlan::Item item;
  item.entry = &entry;
  item.name = options.rename(entry.ns);
  item.options = entry.options;
  item.indexes = entry.indexes;
  if (entry.type == "view" && !options.rename.empty()) {
    TRY_ASSIGN(item.options, rename_in_view(entry.ns, entry.options, options.rename));
  }
  item.exists = present.contains(item.name);
  item.merge = item.exists && merges(options.existing);
  // A rename takes the place of a collection only.
  const bool other_type = item.exists && present.at(item.name).type != "collection";
  item.drop_first = !item.merge && (must_drop_first(entry) || other_type || options.existing == OnExisting::kDropFirst);
  item.load_into = item.exists && !item.drop_first && !item.merge ? temporary_name(item.name) : item.name;
  return item;
}

/// Buckets without their time-series: a moment may lie between the two entries of the oplog that make or drop one.
bool is_orphaned(const bson::Namespace& ns, const BackupMoment& moment) {
  if (ns == bson::logical(ns)) return false;
  const auto is_it = [&](const auto& one) {
    return one.entry.type == "timeseries" && one.entry.ns == bson::logical(ns);
  };
  return std::ranges::none_of(moment.collections(), is_it);
}

/// Why an entry is no item of the plan.
std::optional<std::string> cannot_come_back(const collection::CollectionEntry& entry, const BackupMoment& moment,
                                            const RestoreOptions& options) {
  const auto logical = bson::logical(entry.ns);
  if (is_orphaned(entry.ns, moment)) {
    return "the backup has not the time-series " + logical.text() + " whose buckets these are";
  }
  const bool timeseries = entry.type == "timeseries" || entry.ns != logical;
  if (timeseries && options.rename(logical).db == "admin") {
    return "servers take no buckets of a time-series in admin; --ns-from " + logical.text() +
           " --ns-to DB.COLLECTION restores it elsewhere";
  }
  return std::nullopt;
}

Status add_items(const BackupMoment& moment, const RestoreOptions& options, const mongo::Names& present,
                 RestorePlan& plan) {
  std::map<bson::Namespace, bson::Namespace> taken;
  for (size_t i = 0; i < moment.collections().size(); ++i) {
    const auto& entry = moment.collections()[i].entry;
    if (is_of_the_server(entry.ns)) continue;
    if (auto reason = cannot_come_back(entry, moment, options)) {
      plan.shortfalls.push_back(entry.ns.text() + " was left out: " + std::move(*reason));
      continue;
    }
    TRY_ASSIGN(auto item, make_item(entry, options, present));
    item.index = i;
    const auto [other, is_new] = taken.emplace(item.name, entry.ns);
    if (!is_new) {
      return fail(Error(ErrorKind::kInvalidInput, other->second.text() + " and " + entry.ns.text() + " would both be " +
                                                      item.name.text() + "; nothing was written")
                      .hint("change --ns-to, or leave one out with --ns-exclude"));
    }
    plan.documents += entry.as_read.documents;
    plan.bytes += entry.as_read.bytes;
    plan.items.push_back(std::move(item));
  }
  return {};
}

/// Views whose collection will not be there.
void tell_blind_views(const mongo::Names& present, RestorePlan& plan) {
  std::set<bson::Namespace> there;
  for (const auto& [ns, listed] : present) there.insert(ns);
  for (const auto& item : plan.items) there.insert(item.name);
  for (const auto& item : plan.items) {
    if (item.entry->type != "view") continue;
    const bson::Namespace read{item.name.db, std::string(item.options.view().string("viewOn").value_or(""))};
    if (there.contains(read)) continue;
    plan.remarks.push_back("the view " + item.name.text() + " reads " + read.text() +
                           ", which is neither restored nor on the target");
  }
}

std::vector<bson::Namespace> not_in_backup(const BackupMoment& moment, const bson::NamespaceRename& rename,
                                           const mongo::Names& present) {
  std::set<bson::Namespace> in_backup;
  for (const auto& entry : moment.backup().manifest().collections) in_backup.insert(rename(entry.ns));
  for (const auto& collection : moment.collections()) in_backup.insert(rename(collection.entry.ns));
  std::vector<bson::Namespace> left;
  for (const auto& [ns, listed] : present) {
    if (!in_backup.contains(ns) && !ns.collection.starts_with("system.") &&
        !ns.collection.starts_with(kTemporaryPrefix)) {
      left.push_back(ns);
    }
  }
  return left;
}

mongo::RestoreDeeds deeds_of(const BackupMoment& moment, bool users, const RestoreOptions& options) {
  mongo::RestoreDeeds deeds{.users = users,
                            .replace_users = users && options.users == UsersMode::kReplace,
                            .overwrite = options.existing == OnExisting::kOverwrite};
  for (const auto& collection : moment.collections()) {
    const auto& entry = collection.entry;
    if (is_of_the_server(entry.ns)) continue;
    if (entry.ns != bson::logical(entry.ns)) deeds.time_series = true;
    if (entry.ns.collection == "system.js") deeds.stored_functions = true;
    if (entry.options.view().truthy("capped")) deeds.capped = true;
  }
  return deeds;
}

Status check_privileges(mongo::Connection& connection, const mongo::TargetInfo& target,
                        const mongo::RestoreDeeds& deeds, const Cancel& cancel) {
  TRY_ASSIGN(const auto missing, mongo::missing_for_restore(connection, deeds, cancel));
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

/// Rights in databases that were renamed: whoever has them must know.
void tell_renamed_rights(const BackupMoment& moment, const bson::NamespaceRename& rename, RestorePlan& plan) {
  std::set<std::string> renamed;
  for (const auto& collection : moment.collections()) {
    const auto& ns = collection.entry.ns;
    if (rename(ns).db != ns.db) renamed.insert(ns.db);
  }
  const auto tell = [&](const char* kind, const std::vector<bson::Document>& documents) {
    for (const auto& document : documents) {
      for (const auto& db : databases_of_rights(document)) {
        if (!renamed.contains(db)) continue;
        plan.remarks.push_back(
            fmt::format("the {} {} has rights in {}, which is restored under another name; they are "
                        "not changed",
                        kind, document.view().string("_id").value_or("?"), db));
      }
    }
  };
  tell("user", plan.user_documents);
  tell("role", plan.role_documents);
}

/// Users and roles come back only with a whole restore or on request (RULES 16).
Status plan_users(BackupMoment& moment, const RestoreOptions& options, RestorePlan& plan, const Cancel& cancel) {
  const bool whole = options.filter.takes_all() && options.rename.empty();
  if (!whole && options.users == UsersMode::kWithWhole) {
    plan.users_left_out = has_users(moment.backup().manifest());
    return {};
  }
  // What a filter takes of the collections says nothing about users.
  std::unique_ptr<BackupMoment> unfiltered;
  if (!options.filter.takes_all()) {
    TRY_ASSIGN(auto filter, bson::NamespaceFilter::make({kUsers.text(), kRoles.text()}, {}));
    TRY_ASSIGN(unfiltered, BackupMoment::open(moment.backup(), std::move(filter), options.merge, cancel));
  }
  BackupMoment& source = unfiltered ? *unfiltered : moment;
  TRY_ASSIGN(plan.user_documents, small_collection(source, kUsers, cancel));
  TRY_ASSIGN(plan.role_documents, small_collection(source, kRoles, cancel));
  if (unfiltered) {
    for (const auto& missing : unfiltered->missing()) plan.shortfalls.push_back(missing);
  }
  plan.users = !plan.user_documents.empty() || !plan.role_documents.empty();
  if (!plan.users && options.users != UsersMode::kWithWhole) {
    plan.remarks.emplace_back("the backup holds no users and no roles");
  }
  tell_renamed_rights(moment, options.rename, plan);
  return {};
}

/// Users are merged by a command that MongoDB alone has.
Status check_takes_users(const RestoreOptions& options, RestorePlan& plan) {
  const auto& product = plan.target.product;
  if (!plan.users || product.empty()) return {};
  if (options.users != UsersMode::kWithWhole) {
    return fail(Error(ErrorKind::kUnsupported, product + " takes no users and roles of MongoDB; nothing was written")
                    .hint("leave --users out, and make them there by hand"));
  }
  plan.users = false;
  plan.shortfalls.push_back("users and roles were left out: " + product + " takes none of MongoDB's");
  return {};
}

}  // namespace

Result<RestorePlan> plan_restore(BackupMoment& moment, const RestoreOptions& options, mongo::Connection& connection,
                                 const Cancel& cancel) {
  RestorePlan plan;
  TRY_ASSIGN(plan.target, mongo::inspect_target(connection, cancel));
  std::set<std::string> databases;
  for (const auto& collection : moment.collections()) {
    const auto& ns = collection.entry.ns;
    if (is_of_the_server(ns)) continue;
    TRY(check_new_name(ns, options.rename(ns), plan.target.version_array));
    databases.insert(options.rename(ns).db);
  }
  TRY(plan_users(moment, options, plan, cancel));
  TRY(check_takes_users(options, plan));
  TRY(check_privileges(connection, plan.target, deeds_of(moment, plan.users, options), cancel));
  const auto shortfalls_of_users = plan.shortfalls.size();
  TRY_ASSIGN(const auto present, mongo::list_names(connection, databases, cancel));
  TRY(add_items(moment, options, present, plan));
  TRY(plan_resume(connection, moment, options, present, plan, cancel));
  const bool takes_nothing = plan.items.empty() && plan.shortfalls.size() == shortfalls_of_users;
  if (takes_nothing && !options.filter.takes_all()) {
    return fail(Error(ErrorKind::kInvalidInput, "the filters take nothing of this backup; nothing was written")
                    .hint("`varve show SNAPSHOT` lists its collections"));
  }
  plan.left_alone = not_in_backup(moment, options.rename, present);
  TRY(check_versions(connection, moment, options, plan, cancel));
  tell_blind_views(present, plan);
  if (std::ranges::any_of(plan.items, [](const auto& item) { return item.merge || item.fill; }))
    TRY(check_merges(connection, options, plan, cancel));
  if (plan.users) {
    TRY_ASSIGN(plan.auth, mongo::plan_users_and_roles(connection, plan.target, plan.user_documents, plan.role_documents,
                                                      options.users == UsersMode::kReplace, cancel));
  }
  return plan;
}

Status refuse_existing(const RestorePlan& plan) {
  std::vector<bson::Namespace> existing;
  for (const auto& item : plan.items) {
    if (item.exists && item.name == bson::logical(item.name)) existing.push_back(item.name);
  }
  if (existing.empty()) return {};
  Error error(ErrorKind::kExists, fmt::format("{} of {} collections exist on the target ({}); nothing was written",
                                              existing.size(), plan.items.size(), names(existing)));
  for (auto& line : tell_unfinished(plan)) error.hint(std::move(line));
  return fail(std::move(error)
                  .hint("--drop replaces them, each only once its successor is complete")
                  .hint("--merge=missing adds only the documents that they lack")
                  .hint("--ns-from and --ns-to restore beside them, --ns-include and --ns-exclude choose others"));
}

}  // namespace varve::job
