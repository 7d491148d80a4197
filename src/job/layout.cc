#include "job/layout.h"

#include "dump/names.h"

namespace varve::job {

std::string snapshot_path(std::string_view source) {
  return "/mongodb/" + std::string(source);
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
  return ns.db == "admin" && ns.collection.starts_with("system.");
}

}  // namespace varve::job
