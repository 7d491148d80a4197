#pragma once

#include <string>
#include <vector>

#include "collection/manifest.h"

// What MongoDB's versions take of each other's collections and indexes. Pure: tried on 4.2.6, 5.0.4 and 6.0.5.

namespace varve::job {

/// Where something comes from and where it is to go.
struct Versions {
  std::vector<int> from, to;  ///< {6, 0, 5}; an empty one is unknown, and taken for the oldest (buckets: the newest)
  std::string to_text;        ///< "6.0.5"
};

/// The numbers of "6.0.5" or "6.0"; nothing of what is no number.
std::vector<int> version_numbers(std::string_view text);

/// "MongoDB 6.0.5", or the name of another server as it is, where a manifest has one.
std::string server_name(const std::string& version);

/// A collection as the target takes it.
struct Translated {
  bool taken = true;  ///< false: of a kind that the target does not know
  bson::Document options;
  std::vector<bson::Document> indexes;
  std::vector<std::string> refused;  ///< what it cannot take and is left out here, a sentence each
  std::vector<std::string> changed;  ///< what means the same in other words
};

/// `options` are the entry's, with the new names. Sentences begin with `name`. What already suits is as it was, to the
/// byte.
Translated translate(const collection::CollectionEntry& entry, bson::View options, const std::string& name,
                     const Versions& versions);

}  // namespace varve::job
