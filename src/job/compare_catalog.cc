#include "job/compare_catalog.h"

#include <algorithm>
#include <array>
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

constexpr std::array<std::string_view, 5> kStayAsTheyAre = {"validator", "validationLevel", "validationAction",
                                                            "expireAfterSeconds", "changeStreamPreAndPostImages"};

/// Options that decide what a collection can hold or how it compares must agree.
void compare_for_merge(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                       std::vector<std::string>& conflicts, std::vector<std::string>& remarks) {
  const auto divided = [](bson::View options, bool staying) {
    Fields out = fields(options, {"autoIndexId", "flags", "recordIdsReplicated", "temp", "uuid"});
    std::erase_if(out, [&](const auto& field) {
      return (std::ranges::find(kStayAsTheyAre, field.first) != kStayAsTheyAre.end()) != staying;
    });
    return out;
  };
  compare_fields("options", divided(backup.options, false), divided(server.options, false), conflicts);
  compare_fields("options, which stay as they are", divided(backup.options, true), divided(server.options, true),
                 remarks);
}

/// Whether a server could not hold both under two names. Servers before 5.0 look at the key and the collation only, and
/// say so themselves when the second one is built.
bool is_one_index(const Fields& one, const Fields& other) {
  const std::array<std::string, 6> kTellApart = {"key",    "collation", "partialFilterExpression",
                                                 "unique", "sparse",    "wildcardProjection"};
  return std::ranges::all_of(kTellApart, [&](const std::string& field) {
    const auto in_one = one.find(field), in_other = other.find(field);
    if (in_one == one.end() || in_other == other.end()) return in_one == one.end() && in_other == other.end();
    return in_one->second == in_other->second;
  });
}

/// An index of the same name must be the same index, and the same index must have the same name.
void compare_indexes_for_merge(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                               std::vector<std::string>& conflicts) {
  const auto theirs = by_name(server.indexes);
  for (const auto& [name, spec] : by_name(backup.indexes)) {
    for (const auto& [other_name, other] : theirs) {
      if (name == other_name) {
        compare_fields("index " + name, spec, other, conflicts);
      } else if (is_one_index(spec, other)) {
        conflicts.push_back(fmt::format("index {} is called {} on the server", name, other_name));
      }
    }
  }
}

}  // namespace

std::vector<std::string> merge_conflicts(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                                         bool indexes, std::vector<std::string>& remarks) {
  std::vector<std::string> conflicts;
  if (backup.type != server.type) {
    conflicts.push_back(fmt::format("is a {} in the backup and a {} on the server", backup.type, server.type));
  } else if (backup.type == "timeseries") {
    conflicts.emplace_back("is a time-series, whose buckets have no _id to be merged by");
  } else if (backup.type == "view") {
    compare_fields("options", fields(backup.options, {}), fields(server.options, {}), conflicts);
  } else if (server.options.view().truthy("capped")) {
    conflicts.emplace_back("is capped, so that documents added would be its newest and push others out");
  } else {
    compare_for_merge(backup, server, conflicts, remarks);
    if (indexes) compare_indexes_for_merge(backup, server, conflicts);
  }
  return conflicts;
}

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
