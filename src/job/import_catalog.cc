#include "job/import_catalog.h"

#include "bson/scope.h"
#include "codec/sha256.h"
#include "dump/names.h"

namespace varve::job {

namespace {

constexpr std::string_view kSpecial = "$admin.";  // of mongodump --dumpDbUsersAndRoles
constexpr size_t kLongestName = 255;              // of a server's namespace
constexpr size_t kMostOldIndexes = 64u << 20;

Status check_name(const bson::Namespace& ns) {
  TRY(dump::check_database(ns.db));
  if (ns.db.find_first_of(". \"") != std::string::npos) {
    return fail(Error(ErrorKind::kInvalidInput, "no server has a database called \"" + ns.db +
                                                    "\": a dot, a space or a quote cannot be in its name")
                    .hint("rename the folder to the database's name"));
  }
  const auto& name = ns.collection;
  if (!name.empty() && name.size() <= kLongestName && name.find('\0') == std::string::npos) return {};
  return fail(ErrorKind::kInvalidInput, "the dump holds a collection in " + ns.db +
                                            " whose name is empty, has a zero byte or is longer than 255 bytes: \"" +
                                            name.substr(0, kLongestName) + "\"");
}

/// Where the dump does not tell it. The same in every import, so that unchanged key indexes are stored once.
std::string uuid_from(const bson::Namespace& ns) {
  return codec::sha256(as_bytes("varve import " + ns.text())).hex().substr(0, 32);
}

std::string type_of(bson::View options) {
  // Not what mongodump says: with --viewsAsCollections it calls a view what is none any more.
  if (options.find("viewOn")) return "view";
  return options.find("timeseries") ? "timeseries" : "collection";
}

/// Which a server makes anyway.
bson::Document first_index() {
  return bson::Builder().add("v", int32_t{2}).open("key").add("_id", int32_t{1}).end().add("name", "_id_").finish();
}

/// How listCollections shows the buckets of a time-series.
bson::Document options_of_buckets(bson::View time_series) {
  bson::Builder options;
  auto elements = time_series.elements();
  while (const auto element = elements.next()) options.add(*element);
  return options.add("clusteredIndex", true).finish();
}

}  // namespace

bool holds_old_indexes(const bson::Namespace& ns) {
  return ns.collection == "system.indexes";
}

Status ImportCatalog::describe(const dump::Contents& contents) {
  for (const auto& description : contents.collections) {
    if (holds_old_indexes(description.ns)) continue;
    TRY_ASSIGN(const auto place, place_of(description.ns));
    if (place) TRY(describe(*place, description));
  }
  return {};
}

Status ImportCatalog::describe(const bson::Namespace& place, const dump::Description& description) {
  auto metadata = dump::parse_metadata(description.metadata);
  if (!metadata) return fail(std::move(metadata.error()).within("the metadata of " + description.ns.text()));
  auto& incoming = at(place);
  if (incoming.described) {
    return fail(ErrorKind::kInvalidInput, "the dump describes " + place.text() + " twice");
  }
  incoming.metadata = std::move(*metadata);
  incoming.described = !description.metadata.empty();
  incoming.type = type_of(incoming.metadata.options);
  incoming.temporary = bson::is_temporary(place.collection, incoming.metadata.options);
  incoming.named_uuid = !incoming.metadata.uuid_hex.empty();
  if (incoming.type != "collection") {
    incoming.metadata.uuid_hex.clear();
  } else if (!incoming.named_uuid) {
    incoming.metadata.uuid_hex = uuid_from(place);
  } else {
    tell_apart(place, to_hex(*from_hex(incoming.metadata.uuid_hex)));
  }
  if (incoming.type != "timeseries") return {};
  auto options = options_of_buckets(incoming.metadata.options);
  at(bson::buckets_of(place)).metadata.options = std::move(options);
  return {};
}

/// Of copied files with one UUID it is neither's; an oplog tells whose.
void ImportCatalog::tell_apart(const bson::Namespace& place, const std::string& uuid_hex) {
  const auto [first, is_new] = named_.emplace(uuid_hex, place);
  if (is_new) return;
  for (const auto& ns : {first->second, place}) {
    auto& incoming = at(ns);
    incoming.named_uuid = false;
    incoming.metadata.uuid_hex = uuid_from(ns);
  }
}

Result<std::optional<bson::Namespace>> ImportCatalog::place_of(const bson::Namespace& ns) {
  TRY(check_name(ns));
  auto place = ns;
  if (ns.collection.starts_with(kSpecial)) place = {"admin", ns.collection.substr(kSpecial.size())};
  if (const auto reason = bson::out_of_scope(place)) {
    left_out_.emplace(place.text(), *reason);
    return std::nullopt;
  }
  if (!filter_.takes(bson::logical(place))) return std::nullopt;
  return place;
}

Incoming& ImportCatalog::at(const bson::Namespace& place) {
  const auto [found, is_new] = incoming_.try_emplace(place);
  auto& incoming = found->second;
  if (is_new) {
    incoming.type = "collection";
    incoming.metadata.uuid_hex = uuid_from(place);
    incoming.temporary = bson::is_temporary(place.collection, {});
  }
  // From 8.3 on servers give the buckets under the time-series' own name.
  return incoming.type == "timeseries" ? at(bson::buckets_of(place)) : incoming;
}

Status ImportCatalog::take_old_index(bson::View index) {
  const auto ns = index.string("ns");
  if (!ns || !index.document("key")) return fail(ErrorKind::kCorrupt, "system.indexes holds what is no index");
  old_index_bytes_ += index.bytes().size();
  if (old_index_bytes_ > kMostOldIndexes) {
    return fail(ErrorKind::kUnsupported, "system.indexes is larger than 64 MiB");
  }
  old_indexes_[bson::Namespace::parse(*ns)].push_back(bson::without(index, "ns"));
  return {};
}

Status ImportCatalog::check_complete() {
  for (auto& [place, incoming] : incoming_) TRY(complete(place, incoming));
  return {};
}

Status ImportCatalog::complete(const bson::Namespace& place, Incoming& incoming) {
  const auto missing = [&](const std::string& what) {
    return fail(Error(ErrorKind::kCorrupt, what + "; nothing was saved")
                    .hint("--ns-exclude '" + bson::logical(place).text() + "' imports the rest"));
  };
  if (incoming.type == "view") {
    if (incoming.file) return missing("the dump has documents of " + place.text() + ", which it describes as a view");
    return {};
  }
  if (incoming.type == "timeseries") return {};  // its buckets are looked at
  if (place != bson::logical(place) && !incoming_.contains(bson::logical(place))) {
    return missing("the dump has the buckets of the time-series " + bson::logical(place).text() +
                   ", but not its metadata, without which it cannot be made");
  }
  if (!incoming.ended) {
    return missing("the dump describes " + bson::logical(place).text() + ", but its documents (.bson) are not there");
  }
  if (incoming.described || place != bson::logical(place)) return {};
  const auto old = old_indexes_.find(place);
  incoming.described = old != old_indexes_.end();
  incoming.metadata.indexes = incoming.described ? std::move(old->second) : std::vector{first_index()};
  return {};
}

}  // namespace varve::job
