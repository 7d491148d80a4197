#include "bson/scope.h"

#include <algorithm>
#include <cctype>

namespace varve::bson {

namespace {

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return text.starts_with(prefix); });
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, text) != names.end();
}

/// What backup tools keep in admin: the settings, locks and logs of Percona Backup for MongoDB; what mongorestore and
/// we put there while users are restored.
bool is_of_a_backup_tool(std::string_view collection) {
  const bool pbm = collection.starts_with("pbm") && collection.size() > 3 && std::isupper(collection[3]) != 0;
  return pbm || is_one_of(collection, {"tempusers", "temproles", "varve_temp_users", "varve_temp_roles"});
}

/// tmpXXXXX.KIND with five random letters or digits.
bool is_made_unique(std::string_view name) {
  constexpr size_t kRandom = 5;
  constexpr std::string_view kPrefix = "tmp";
  if (!name.starts_with(kPrefix) || name.size() <= kPrefix.size() + kRandom) return false;
  const auto random = name.substr(kPrefix.size(), kRandom);
  const auto kind = name.substr(kPrefix.size() + kRandom);
  return std::ranges::all_of(random, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }) &&
         (is_one_of(kind, {".rename", ".renameCollection", ".create"}) || kind.starts_with(".convertToCapped."));
}

}  // namespace

std::optional<std::string> out_of_scope(const std::string& db) {
  if (db == "local") return "local to each member: its oplog and its replication state";
  if (db == "config") return "the server's own state: sessions, transactions, sharding";
  if (db == "varve_restore") return "the state of an unfinished restore";
  return std::nullopt;
}

std::optional<std::string> out_of_scope(const Namespace& ns) {
  if (auto reason = out_of_scope(ns.db)) return reason;
  const std::string_view name = ns.collection;
  if (name == "system.profile") return "the profiler's log";
  if (name == "system.views") return "views are kept by their definitions";
  if (name == "system.keys") return "keys of the cluster itself";
  if (is_one_of(name, {"system.indexes", "system.namespaces"})) return "left over from an old storage engine";
  if (starts_with_any(name, {"system.resharding.", "system.drop."})) return "a resharding or drop under way";
  if (name.find('$') != std::string_view::npos) return "a name that only the server uses";
  if (ns.db == "admin" && is_of_a_backup_tool(name)) return "a backup tool's own state";
  return std::nullopt;
}

bool is_temporary(const std::string& collection, View options) {
  return options.truthy("temp") || starts_with_any(collection, {"tmp.agg_out.", "tmp.mr."}) ||
         is_made_unique(collection);
}

}  // namespace varve::bson
