#include "job/ttl_commands.h"

#include <fmt/format.h>

#include "bson/json.h"

namespace varve::job {

bool is_ttl(const bson::Document& index) {
  return index.view().find("expireAfterSeconds").has_value();
}

bool is_id_index(const bson::Document& index) {
  return index.view().string("name") == "_id_" || index.view().truthy("clustered");
}

std::vector<std::string> ttl_commands(const RestorePlan::Item& item, bool indexes) {
  std::vector<std::string> commands;
  if (item.name != bson::logical(item.name)) return commands;  // told of with its time-series
  const auto tell = [&](bson::View command) {
    commands.push_back(fmt::format("db.getSiblingDB(\"{}\").runCommand({})", item.name.db,
                                   bson::to_json(command, bson::JsonMode::kRelaxed)));
  };
  const bool collation = item.options.view().find("collation").has_value();
  for (const auto& index : item.indexes) {
    const bool there = item.indexes_there.contains(std::string(index.view().string("name").value_or("")));
    if (!indexes || there || is_id_index(index) || !is_ttl(index)) continue;
    bson::Builder command;
    command.add("createIndexes", item.name.collection).open_array("indexes");
    command.add("0", mongo::index_to_create(index, collation).view()).end();
    tell(command.finish());
  }
  if (const auto expire = item.options.view().find("expireAfterSeconds"); expire && !item.merge) {
    bson::Builder command;
    command.add("collMod", item.name.collection).add("expireAfterSeconds", *expire);
    tell(command.finish());
  }
  return commands;
}

}  // namespace varve::job
