#include "job/compare_catalog.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "bson/json.h"

namespace varve::job {

namespace {

using Fields = std::map<std::string, std::string>;

/// Field by field as canonical JSON, without those that differ between servers of themselves.
Fields fields(bson::View document, std::initializer_list<std::string_view> ignored) {
  Fields out;
  auto elements = document.elements();
  while (const auto element = elements.next()) {
    if (std::ranges::find(ignored, element->name()) == ignored.end()) {
      out[std::string(element->name())] = bson::to_json(*element, bson::JsonMode::kCanonical);
    }
  }
  return out;
}

void compare_fields(const std::string& of, const Fields& backup, const Fields& server, std::vector<std::string>& what) {
  for (const auto& [name, value] : backup) {
    const auto it = server.find(name);
    if (it == server.end()) {
      what.push_back(fmt::format("{}: {} is {} in the backup and not set on the server", of, name, value));
    } else if (it->second != value) {
      what.push_back(fmt::format("{}: {} is {} in the backup and {} on the server", of, name, value, it->second));
    }
  }
  for (const auto& [name, value] : server) {
    if (!backup.contains(name)) {
      what.push_back(fmt::format("{}: {} is {} on the server and not set in the backup", of, name, value));
    }
  }
}

std::map<std::string, Fields> by_name(const std::vector<bson::Document>& indexes) {
  std::map<std::string, Fields> out;
  for (const auto& index : indexes) {
    out[std::string(index.view().string("name").value_or(""))] = fields(index, {"v", "ns", "background"});
  }
  return out;
}

void compare_indexes(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                     std::vector<std::string>& what) {
  const auto ours = by_name(backup.indexes);
  const auto theirs = by_name(server.indexes);
  for (const auto& [name, spec] : ours) {
    const auto it = theirs.find(name);
    if (it == theirs.end()) {
      what.push_back(fmt::format("index {} is missing on the server", name));
    } else {
      compare_fields("index " + name, spec, it->second, what);
    }
  }
  for (const auto& [name, spec] : theirs) {
    if (!ours.contains(name)) what.push_back(fmt::format("index {} is only on the server", name));
  }
}

}  // namespace

void compare_catalog(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                     Difference& difference) {
  if (backup.type != server.type) {
    difference.what.push_back(fmt::format("is a {} in the backup and a {} on the server", backup.type, server.type));
    return;
  }
  compare_fields("options", fields(backup.options, {}), fields(server.options, {}), difference.what);
  compare_indexes(backup, server, difference.what);
}

}  // namespace varve::job
