#include "moment/coll_mod.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

namespace varve::moment {

namespace {

using bson::Document;
using bson::Element;
using bson::View;

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

/// What a collMod may carry and what no listing shows.
bool shows_nowhere(std::string_view name) {
  return name.starts_with('$') ||
         is_one_of(name, {"noPadding", "usePowerOf2Sizes", "comment", "writeConcern", "dryRun", "isTimeseriesNamespace",
                          "timeseriesBucketsMayHaveMixedSchemaData", "timeseriesBucketingParametersHaveChanged",
                          "apiVersion", "apiStrict", "apiDeprecationErrors"});
}

/// Set, or gone where the value says so: what listCollections shows has no field for "off".
void set_or_remove(Document& document, std::string_view name, const Element& value, bool remove) {
  document = remove ? bson::without(document, name) : with(document, name, value);
}

/// Milliseconds, seconds: what a bucket of that granularity spans.
std::optional<int32_t> span_of(std::string_view granularity) {
  if (granularity == "seconds") return 3600;
  if (granularity == "minutes") return 86400;
  if (granularity == "hours") return 2592000;
  return std::nullopt;
}

void set_timeseries(View change, Document& options) {
  const auto known = options.view().document("timeseries");
  Document timeseries = known ? Document(known->bytes()) : Document();
  auto fields = change.elements();
  while (const auto field = fields.next()) timeseries = with(timeseries, field->name(), *field);
  const auto span = span_of(change.string("granularity").value_or(""));
  if (span && !change.find("bucketMaxSpanSeconds")) {
    const Document holder = bson::Builder().add("bucketMaxSpanSeconds", *span).finish();
    timeseries = with(timeseries, "bucketMaxSpanSeconds", *holder.view().elements().next());
    timeseries = bson::without(timeseries, "bucketRoundingSeconds");
  }
  const Document holder = bson::Builder().add("timeseries", timeseries).finish();
  options = with(options, "timeseries", *holder.view().elements().next());
}

bool same_key(View index, View pattern) {
  const auto key = index.document("key");
  return key && std::ranges::equal(key->bytes(), pattern.bytes());
}

/// The field as a server keeps a number there: in 32 bits where they suffice.
void set_narrow(Document& document, std::string_view name, int64_t number) {
  const bool fits = number >= INT32_MIN && number <= INT32_MAX;
  bson::Builder holder;
  const Document narrow =
      fits ? holder.add(name, static_cast<int32_t>(number)).finish() : holder.add(name, number).finish();
  document = with(document, name, *narrow.view().elements().next());
}

void set_ttl(Document& index, const Element& seconds, bool narrow) {
  const auto number = seconds.as_int64();
  if (narrow && number) {
    set_narrow(index, seconds.name(), *number);
  } else {
    index = with(index, seconds.name(), seconds);
  }
}

/// cappedSize and cappedMax, as 6.0 and later take them.
void set_capped(Document& options, const Element& change) {
  constexpr int64_t kStep = 256;
  const int64_t number = std::clamp<int64_t>(change.as_int64().value_or(0), 0, INT64_MAX - kStep);
  if (change.name() == "cappedSize") {
    set_narrow(options, "size", (number + kStep - 1) / kStep * kStep);
  } else if (number > 0) {
    set_narrow(options, "max", number);
  } else {
    options = bson::without(options, "max");
  }
}

Status change_index(View change, bool narrow_ttl, std::vector<Document>& indexes) {
  const auto name = change.string("name");
  const auto pattern = change.document("keyPattern");
  const auto index = std::ranges::find_if(indexes, [&](const Document& known) {
    return name ? known.view().string("name") == name : pattern && same_key(known, *pattern);
  });
  if (index == indexes.end()) return {};  // dropped before the base was listed
  auto fields = change.elements();
  while (const auto field = fields.next()) {
    const auto what = field->name();
    if (is_one_of(what, {"name", "keyPattern"}) || shows_nowhere(what)) continue;
    if (what == "expireAfterSeconds") {
      set_ttl(*index, *field, narrow_ttl);
    } else if (is_one_of(what, {"hidden", "unique", "prepareUnique"})) {
      set_or_remove(*index, what, *field, !field->truthy());
      if (what == "unique" && field->truthy()) *index = bson::without(*index, "prepareUnique");
    } else if (what == "forceNonUnique") {
      *index = bson::without(*index, "unique");
    } else {
      return fail(ErrorKind::kUnsupported,
                  "collMod changes '" + std::string(what) + "' of an index, which is not known");
    }
  }
  return {};
}

Status change_option(const Element& change, bool narrow_ttl, collection::CollectionEntry& entry) {
  const auto name = change.name();
  Document& options = entry.options;
  const auto document = change.as_document();
  if (name == "index" && document) return change_index(*document, narrow_ttl, entry.indexes);
  if (name == "timeseries" && document) {
    set_timeseries(*document, options);
  } else if (name == "validator") {
    set_or_remove(options, name, change, document && document->empty());
  } else if (is_one_of(name, {"validationLevel", "validationAction", "viewOn", "pipeline"})) {
    options = with(options, name, change);
  } else if (name == "changeStreamPreAndPostImages") {
    set_or_remove(options, name, change, !document || !document->truthy("enabled"));
  } else if (name == "recordPreImages") {
    set_or_remove(options, name, change, !change.truthy());
  } else if (name == "expireAfterSeconds") {
    set_or_remove(options, name, change, change.as_string().has_value());  // "off"
  } else if (name == "cappedSize" || name == "cappedMax") {
    set_capped(options, change);
  } else if (!shows_nowhere(name)) {
    return fail(ErrorKind::kUnsupported, "collMod changes '" + std::string(name) + "', which is not known");
  }
  return {};
}

/// Once one of the three was set, the server stores and shows all of them.
void complete_validation(collection::CollectionEntry& entry) {
  bson::Builder defaults;
  defaults.add("validationLevel", "strict").add("validationAction", "error");
  const auto made = defaults.finish();
  auto missing = made.view().elements();
  while (const auto element = missing.next()) {
    if (!entry.options.view().find(element->name())) entry.options = with(entry.options, element->name(), *element);
  }
}

}  // namespace

Document with(View document, std::string_view name, const Element& value) {
  bson::Builder builder;
  bool there = false;
  auto elements = document.elements();
  while (const auto element = elements.next()) {
    const bool this_one = element->name() == name;
    builder.add(element->name(), this_one ? value : *element);
    there |= this_one;
  }
  if (!there) builder.add(name, value);
  return builder.finish();
}

Status apply_coll_mod(View o, bool narrow_ttl, collection::CollectionEntry& entry) {
  auto changes = o.elements();
  changes.next();  // collMod: the collection
  bool validation = false;
  while (const auto change = changes.next()) {
    TRY(change_option(*change, narrow_ttl, entry));
    validation |= is_one_of(change->name(), {"validator", "validationLevel", "validationAction"});
  }
  if (validation) complete_validation(entry);
  return {};
}

}  // namespace varve::moment
