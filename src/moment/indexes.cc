#include "moment/indexes.h"

#include <algorithm>

namespace varve::moment {

namespace {

using bson::Document;
using bson::View;

std::string_view name_of(View index) {
  return index.string("name").value_or("");
}

bool is_id_index(View index) {
  const auto key = index.document("key");
  if (!key) return false;
  auto fields = key->elements();
  const auto first = fields.next();
  return first && first->name() == "_id" && first->as_double() == 1 && !fields.next();
}

/// True if `which`, an element of dropIndexes, names the index.
bool is_meant(const bson::Element& which, View index) {
  if (const auto name = which.as_string()) return *name == "*" || *name == name_of(index);
  if (const auto pattern = which.as_document()) {
    const auto key = index.document("key");
    return key && std::ranges::equal(key->bytes(), pattern->bytes());
  }
  if (const auto list = which.as_array()) {
    auto names = list->elements();
    while (const auto name = names.next()) {
      if (name->as_string() == name_of(index)) return true;
    }
  }
  return false;
}

/// "control.min.x" is the field x; nothing if it is no such path.
std::optional<std::string_view> below(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  return path.substr(prefix.size());
}

/// Buckets index the metadata as `meta`, a measured field by the least and greatest in the bucket (descending: greatest
/// first), a place in `data`.
Document timeseries_key(View bucket_key, std::string_view meta) {
  bson::Builder key;
  std::string last;
  auto fields = bucket_key.elements();
  while (const auto field = fields.next()) {
    const std::string_view path = field->name();
    if (path == "meta" || path.starts_with("meta.")) {
      key.add(std::string(meta) + std::string(path.substr(4)), *field);
    } else if (const auto place = below(path, "data.")) {
      key.add(*place, field->as_string() == "2dsphere_bucket" ? "2dsphere" : field->as_string().value_or(""));
    } else {
      auto measured = below(path, "control.min.");
      if (!measured) measured = below(path, "control.max.");
      if (!measured) {
        key.add(*field);
      } else if (last == *measured) {
        last.clear();  // the other end of the same field
      } else {
        key.add(*measured, *field);
        last = *measured;
      }
    }
  }
  return key.finish();
}

}  // namespace

void add_index(Document spec, collection::CollectionEntry& entry) {
  std::erase(entry.unfinished_indexes, name_of(spec));
  const auto same = [&](const Document& known) { return name_of(known) == name_of(spec); };
  if (std::ranges::none_of(entry.indexes, same)) entry.indexes.push_back(std::move(spec));
}

void apply_create_indexes(View o, collection::CollectionEntry& entry) {
  bson::Builder spec;
  auto fields = o.elements();
  fields.next();  // createIndexes: the collection
  while (const auto field = fields.next()) {
    if (field->name() != "ns") spec.add(*field);
  }
  add_index(spec.finish(), entry);
}

void apply_commit_index_build(View o, collection::CollectionEntry& entry) {
  const auto list = o.array("indexes");
  if (!list) return;
  auto specs = list->elements();
  while (const auto spec = specs.next()) {
    const auto document = spec->as_document();
    if (document) add_index(bson::without(*document, "ns"), entry);
  }
}

void apply_drop_indexes(View o, collection::CollectionEntry& entry) {
  const auto which = o.find("index");
  if (!which) return;
  std::erase_if(entry.indexes, [&](const Document& index) { return !is_id_index(index) && is_meant(*which, index); });
}

Document timeseries_options(View bucket_options) {
  bson::Builder options;
  auto fields = bucket_options.elements();
  while (const auto field = fields.next()) {
    const auto name = field->name();
    const bool shown = name == "timeseries" || name == "expireAfterSeconds" || name == "collation" ||
                       name == "storageEngine" || name == "indexOptionDefaults";
    if (shown) options.add(*field);
  }
  return options.finish();
}

Document timeseries_index(View bucket_index, View timeseries) {
  if (const auto original = bucket_index.document("originalSpec")) return Document(original->bytes());
  bson::Builder index;
  auto fields = bucket_index.elements();
  while (const auto field = fields.next()) {
    const auto key = field->as_document();
    if (field->name() == "key" && key) {
      index.add("key", timeseries_key(*key, timeseries.string("metaField").value_or("meta")));
    } else {
      index.add(*field);
    }
  }
  return index.finish();
}

}  // namespace varve::moment
