#include "job/layout.h"

#include <algorithm>
#include <array>

#include "dump/names.h"

namespace varve::job {

std::string snapshot_path(std::string_view source) {
  return "/mongodb/" + std::string(source);
}

std::string archive_path(std::string_view source) {
  return "/mongodb-oplog/" + std::string(source);
}

std::string set_folder(std::string_view set_name) {
  return set_name.empty() ? "standalone" : std::string(set_name);
}

std::string data_file(const bson::Namespace& ns) {
  return "dump/" + ns.db + "/" + dump::escape_collection(ns.collection) + ".bson";
}

std::string metadata_file(const bson::Namespace& ns) {
  return "dump/" + ns.db + "/" + dump::escape_collection(ns.collection) + ".metadata.json";
}

std::string key_index_file(std::string_view uuid_hex) {
  return "varve/keys/" + std::string(uuid_hex);
}

bool is_of_the_server(const bson::Namespace& ns) {
  constexpr std::array kNames = {"system.users", "system.roles", "system.version", "system.new_users",
                                 "system.backup_users"};
  return ns.db == "admin" && std::ranges::find(kNames, ns.collection) != kNames.end();
}

}  // namespace varve::job
