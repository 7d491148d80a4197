#include "cli/snapshot_json.h"

#include <nlohmann/json.hpp>

namespace varve::cli {

nlohmann::ordered_json snapshot_json(const repo::Snapshot& snapshot) {
  // What is stored is the base; a command adds the ids.
  auto json = nlohmann::ordered_json::parse(repo::encode_snapshot(snapshot), nullptr, false);
  json["id"] = snapshot.id.hex();
  json["short_id"] = snapshot.id.short_hex();
  return json;
}

}  // namespace varve::cli
