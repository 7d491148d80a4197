#include "job/compare_catalog.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bson/id_key.h"
#include "bson/json.h"

namespace varve::job {

namespace {

struct Value {
  std::string shown;    ///< canonical JSON
  std::string meaning;  ///< equal where servers hold two values equal; empty if it is as good as not there
};
using Fields = std::map<std::string, Value>;

constexpr std::array<std::string_view, 4> kFlags = {"unique", "sparse", "hidden", "prepareUnique"};

/// A projection's paths, each with whether it is in. Servers leave `_id` out by themselves, and some say so.
void add_paths(bson::View projection, const std::string& before, std::set<std::string>& paths) {
  auto elements = projection.elements();
  while (const auto element = elements.next()) {
    const auto path = before + std::string(element->name());
    const auto inner = element->as_document();
    if (inner) add_paths(*inner, path + ".", paths);
    if (!inner && (path != "_id" || element->truthy())) paths.insert(path + (element->truthy() ? " in" : " out"));
  }
}

std::string meaning_of(const bson::Element& element) {
  if (std::ranges::find(kFlags, element.name()) != kFlags.end()) return element.truthy() ? "on" : "";
  // A server's reply may be nested as deep as it likes; then it is as good as any other value.
  const auto projection = element.name() == "wildcardProjection" ? element.as_document() : std::nullopt;
  if (projection && bson::validate(projection->bytes())) {
    std::set<std::string> paths;
    add_paths(*projection, "", paths);
    return fmt::format("{}", fmt::join(paths, "\n"));
  }
  Bytes scratch;
  return std::string(as_text(bson::id_key(element, scratch)));
}

/// Without those that differ between servers of themselves.
Fields fields(bson::View document, std::initializer_list<std::string_view> ignored) {
  Fields out;
  auto elements = document.elements();
  while (const auto element = elements.next()) {
    if (std::ranges::find(ignored, element->name()) != ignored.end()) continue;
    out[std::string(element->name())] = {bson::to_json(*element, bson::JsonMode::kCanonical), meaning_of(*element)};
  }
  return out;
}

/// What means another thing goes to `what`, what is only said otherwise to `same`.
void compare_fields(const std::string& of, const Fields& backup, const Fields& server, std::vector<std::string>& what,
                    std::vector<std::string>& same, const Sides& sides = {}) {
  const auto tell = [&](bool means_the_same, std::string sentence) {
    if (means_the_same) sentence += ", which means the same";
    (means_the_same ? same : what).push_back(std::move(sentence));
  };
  for (const auto& [name, value] : backup) {
    const auto it = server.find(name);
    if (it == server.end()) {
      tell(value.meaning.empty(),
           fmt::format("{}: {} is {} {} and not set {}", of, name, value.shown, sides.ours, sides.theirs));
    } else if (it->second.shown != value.shown) {
      tell(it->second.meaning == value.meaning,
           fmt::format("{}: {} is {} {} and {} {}", of, name, value.shown, sides.ours, it->second.shown, sides.theirs));
    }
  }
  for (const auto& [name, value] : server) {
    if (backup.contains(name)) continue;
    tell(value.meaning.empty(),
         fmt::format("{}: {} is {} {} and not set {}", of, name, value.shown, sides.theirs, sides.ours));
  }
}

/// `originalSpec` tells of a bucket's index what its time-series tells as well, in the order in which a user's driver
/// wrote it, and from 5.0 on or not at all.
std::map<std::string, Fields> by_name(const std::vector<bson::Document>& indexes) {
  std::map<std::string, Fields> out;
  for (const auto& index : indexes) {
    out[std::string(index.view().string("name").value_or(""))] =
        fields(index, {"v", "ns", "background", "originalSpec"});
  }
  return out;
}

void compare_indexes(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                     std::vector<std::string>& what, std::vector<std::string>& same, const Sides& sides) {
  const auto ours = by_name(backup.indexes);
  const auto theirs = by_name(server.indexes);
  for (const auto& [name, spec] : ours) {
    const auto it = theirs.find(name);
    if (it == theirs.end()) {
      what.push_back(fmt::format("index {} is missing {}", name, sides.theirs));
    } else {
      compare_fields("index " + name, spec, it->second, what, same, sides);
    }
  }
  for (const auto& [name, spec] : theirs) {
    if (!ours.contains(name)) what.push_back(fmt::format("index {} is only {}", name, sides.theirs));
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
  std::vector<std::string> same;
  compare_fields("options", divided(backup.options, false), divided(server.options, false), conflicts, same);
  compare_fields("options, which stay as they are", divided(backup.options, true), divided(server.options, true),
                 remarks, same);
}

/// Whether a server could not hold both under two names. Servers before 5.0 look at the key and the collation only, and
/// say so themselves when the second one is built.
bool is_one_index(const Fields& one, const Fields& other) {
  const std::array<std::string, 6> tell_apart = {"key",    "collation", "partialFilterExpression",
                                                 "unique", "sparse",    "wildcardProjection"};
  return std::ranges::all_of(tell_apart, [&](const std::string& field) {
    const auto in_one = one.find(field), in_other = other.find(field);
    return (in_one == one.end() ? "" : in_one->second.meaning) ==
           (in_other == other.end() ? "" : in_other->second.meaning);
  });
}

/// An index of the same name must be the same index, and the same index must have the same name.
void compare_indexes_for_merge(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                               std::vector<std::string>& conflicts) {
  const auto theirs = by_name(server.indexes);
  std::vector<std::string> same;
  for (const auto& [name, spec] : by_name(backup.indexes)) {
    for (const auto& [other_name, other] : theirs) {
      if (name == other_name) {
        compare_fields("index " + name, spec, other, conflicts, same);
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
    std::vector<std::string> same;
    compare_fields("options", fields(backup.options, {}), fields(server.options, {}), conflicts, same);
  } else if (server.options.view().truthy("capped")) {
    conflicts.emplace_back("is capped, so that documents added would be its newest and push others out");
  } else {
    compare_for_merge(backup, server, conflicts, remarks);
    if (indexes) compare_indexes_for_merge(backup, server, conflicts);
  }
  return conflicts;
}

void compare_catalog(const collection::CollectionEntry& backup, const mongo::CollectionInfo& server,
                     Difference& difference, std::vector<std::string>& remarks, const Sides& sides) {
  if (backup.type != server.type) {
    difference.what.push_back(
        fmt::format("is a {} {} and a {} {}", backup.type, sides.ours, server.type, sides.theirs));
    return;
  }
  compare_fields("options", fields(backup.options, {}), fields(server.options, {}), difference.what, remarks, sides);
  compare_indexes(backup, server, difference.what, remarks, sides);
}

}  // namespace varve::job
