#pragma once

#include "collection/manifest.h"

namespace varve::moment {

/// Adds an index unless one of that name is there.
void add_index(bson::Document spec, collection::CollectionEntry& entry);
/// createIndexes: one specification beside the command's name.
void apply_create_indexes(bson::View o, collection::CollectionEntry& entry);
/// commitIndexBuild: all of its `indexes`.
void apply_commit_index_build(bson::View o, collection::CollectionEntry& entry);
/// dropIndexes: `index` is a name, a list of names, a key pattern, or "*" for all but that of `_id`.
void apply_drop_indexes(bson::View o, collection::CollectionEntry& entry);

/// The index of a time-series as users see it, from that of its buckets.
bson::Document timeseries_index(bson::View bucket_index, bson::View timeseries);
/// The options of a time-series as users see them, from those of its buckets.
bson::Document timeseries_options(bson::View bucket_options);

}  // namespace varve::moment
