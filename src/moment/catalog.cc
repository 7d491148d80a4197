#include "moment/catalog.h"

#include "moment/coll_mod.h"
#include "moment/indexes.h"

namespace varve::moment {

namespace {

using bson::Document;
using bson::Namespace;
using bson::OplogEntry;
using bson::OplogKind;

/// What stands for the collection where the entry has a UUID, else its name.
std::string key_of(const std::optional<ByteView>& uuid, const Namespace& ns) {
  return uuid ? std::string(as_text(*uuid)) : ns.text();
}

std::string key_of(const collection::CollectionEntry& entry) {
  const auto uuid = from_hex(entry.uuid);
  return uuid && !uuid->empty() ? std::string(as_text(*uuid)) : entry.ns.text();
}

/// Servers leave `idIndex` out for an index of the first version.
Document first_id_index() {
  return bson::Builder().add("v", int32_t{1}).open("key").add("_id", int32_t{1}).end().add("name", "_id_").finish();
}

/// How listIndexes shows what a clustered collection has instead.
Document clustered_index(bson::View spec) {
  bson::Builder index;
  auto fields = spec.elements();
  while (const auto field = fields.next()) index.add(*field);
  return index.add("clustered", true).finish();
}

void create_indexes(bson::View o, collection::CollectionEntry& entry) {
  const auto clustered = o.find("clusteredIndex");
  if (const auto given = o.document("idIndex")) {
    entry.id_index = Document(given->bytes());
  } else if (clustered) {
    if (const auto spec = clustered->as_document()) entry.indexes.push_back(clustered_index(*spec));
    return;
  } else if (const auto automatic = o.find("autoIndexId"); !automatic || automatic->truthy()) {
    entry.id_index = first_id_index();
  }
  if (!entry.id_index.view().empty()) entry.indexes.push_back(entry.id_index);
}

/// Servers log what the conversion does, and this only where an operator replayed one.
void convert_to_capped(bson::View o, collection::CollectionEntry& entry) {
  const Document capped = bson::Builder().add("capped", true).finish();
  entry.options = with(entry.options, "capped", *capped.view().elements().next());
  if (const auto size = o.find("size")) entry.options = with(entry.options, "size", *size);
}

collection::CollectionEntry created(const OplogEntry& operation) {
  collection::CollectionEntry entry;
  entry.ns = operation.ns;
  entry.type = "collection";
  if (operation.uuid) entry.uuid = to_hex(*operation.uuid);
  bson::Builder options;
  auto fields = operation.o.elements();
  fields.next();  // create: the collection
  while (const auto field = fields.next()) {
    if (field->name() != "idIndex") options.add(*field);
  }
  entry.options = options.finish();
  create_indexes(operation.o, entry);
  return entry;
}

}  // namespace

Catalog::Catalog(const std::vector<collection::CollectionEntry>& base, bool narrow_ttl) : narrow_ttl_(narrow_ttl) {
  for (size_t i = 0; i < base.size(); ++i) {
    if (base[i].type != "collection") {
      views_.know(base[i]);
      continue;
    }
    Collection collection;
    collection.entry = base[i];
    collection.base = i;
    const std::string key = key_of(base[i]);
    by_name_[base[i].ns] = key;
    by_uuid_[key] = std::move(collection);
  }
}

std::map<std::string, Collection>::iterator Catalog::by_name(const Namespace& ns) {
  const auto known = by_name_.find(ns);
  if (known == by_name_.end()) return by_uuid_.end();
  const auto collection = by_uuid_.find(known->second);
  // A name that has gone to another collection since may still point here.
  if (collection == by_uuid_.end() || collection->second.entry.ns != ns) return by_uuid_.end();
  return collection;
}

std::map<std::string, Collection>::iterator Catalog::locate(const OplogEntry& entry) {
  return entry.uuid ? by_uuid_.find(key_of(entry.uuid, entry.ns)) : by_name(entry.ns);
}

Collection* Catalog::find(const OplogEntry& entry) {
  const auto known = locate(entry);
  return known == by_uuid_.end() ? nullptr : &known->second;
}

Collection& Catalog::find_or_enter(const OplogEntry& entry) {
  return locate_or_enter(entry)->second;
}

std::map<std::string, Collection>::iterator Catalog::locate_or_enter(const OplogEntry& entry) {
  if (const auto known = locate(entry); known != by_uuid_.end()) return known;
  const auto entered = by_uuid_.try_emplace(key_of(entry.uuid, entry.ns)).first;
  auto& [key, collection] = *entered;
  collection.unseen = true;
  collection.entry.type = "collection";
  if (entry.uuid) collection.entry.uuid = to_hex(*entry.uuid);
  set_name(key, collection, entry.ns);
  return entered;
}

void Catalog::set_name(const std::string& key, Collection& collection, const Namespace& ns) {
  collection.entry.ns = ns;
  by_name_[ns] = key;
}

void Catalog::erase(std::map<std::string, Collection>::iterator which) {
  const auto name = by_name_.find(which->second.entry.ns);
  if (name != by_name_.end() && name->second == which->first) by_name_.erase(name);
  by_uuid_.erase(which);
}

Status Catalog::apply(const OplogEntry& entry) {
  Collection* const known = find(entry);
  switch (entry.kind) {
    case OplogKind::kCreate:
      create(entry);
      return {};
    case OplogKind::kDrop:
      drop(entry);
      return {};
    case OplogKind::kDropDatabase:
      drop_database(entry.ns.db);
      return {};
    case OplogKind::kRename:
      rename(entry);
      return {};
    case OplogKind::kCollMod:
      return known ? apply_coll_mod(entry.o, narrow_ttl_, known->entry) : Status();
    case OplogKind::kCreateIndexes:
      if (known) apply_create_indexes(entry.o, known->entry);
      return {};
    case OplogKind::kCommitIndexBuild:
      if (known) apply_commit_index_build(entry.o, known->entry);
      return {};
    case OplogKind::kDropIndexes:
      if (known) apply_drop_indexes(entry.o, known->entry);
      return {};
    case OplogKind::kStartIndexBuild:
    case OplogKind::kAbortIndexBuild:
      return {};
    case OplogKind::kConvertToCapped:
      if (known) convert_to_capped(entry.o, known->entry);
      return {};
    case OplogKind::kEmptyCapped:
      if (known) {
        known->base.reset();
        known->changes.reset();
      }
      return {};
    default:
      return fail(ErrorKind::kUnsupported, "'" + std::string(entry.command) + "' on " + entry.ns.text() +
                                               " is not known to this version of varve");
  }
}

void Catalog::create(const OplogEntry& entry) {
  if (Views::owns(entry.ns)) return;
  if (entry.o.find("viewOn")) {
    views_.set(entry.ns, bson::without(bson::without(entry.o, "create"), "idIndex"));
    return;
  }
  Collection* const known = find(entry);
  if (known != nullptr && !known->unseen) return;  // the base's listing shows it already
  const std::string key = key_of(entry.uuid, entry.ns);
  Collection& collection = by_uuid_[key];
  collection = {};
  collection.entry = created(entry);
  set_name(key, collection, entry.ns);
}

void Catalog::drop(const OplogEntry& entry) {
  if (Views::owns(entry.ns)) return views_.drop_database(entry.ns.db);
  const auto known = locate(entry);
  if (known != by_uuid_.end()) erase(known);
}

/// Its collections are dropped one by one before: what has a UUID and is still there came later.
void Catalog::drop_database(const std::string& db) {
  views_.drop_database(db);
  std::erase_if(by_uuid_,
                [&](const auto& known) { return known.second.entry.ns.db == db && known.second.entry.uuid.empty(); });
}

void Catalog::rename(const OplogEntry& entry) {
  const std::string key = key_of(entry.uuid, entry.ns);
  if (entry.drop_target) {
    const auto target = by_uuid_.find(key_of(entry.drop_target, entry.rename_to));
    if (target != by_uuid_.end() && target->first != key) erase(target);
  } else if (entry.drops_target) {
    const auto target = by_name(entry.rename_to);
    if (target != by_uuid_.end() && target->first != key) erase(target);
  }
  const auto renamed = locate_or_enter(entry);
  auto& [own_key, collection] = *renamed;
  const auto old = by_name_.find(collection.entry.ns);
  if (old != by_name_.end() && old->second == own_key) by_name_.erase(old);
  set_name(own_key, collection, entry.rename_to);
  if (!entry.o.truthy("stayTemp")) collection.entry.options = bson::without(collection.entry.options, "temp");
}

}  // namespace varve::moment
