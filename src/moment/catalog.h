#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bson/oplog.h"
#include "collection/manifest.h"
#include "moment/changes.h"
#include "moment/views.h"

namespace varve::moment {

/// A collection as the replay knows it so far.
struct Collection {
  collection::CollectionEntry entry;
  std::optional<size_t> base;  ///< which of the base's collections holds its documents
  /// Neither in the base nor created since. It was dropped before the base's catalog was listed, and its drop is still
  /// to come, or the base lacks it.
  bool unseen = false;
  bool left_out = false;  ///< changes were not kept, for its name could not become a wanted one
  std::unique_ptr<Changes> changes;
};

/// The collections and views, by UUID, as the operations of the oplog make, change and drop them. Replaying what the
/// listing of the base already shows changes nothing in the end. One thread.
class Catalog {
 public:
  /// `narrow_ttl`: the server keeps an index's expireAfterSeconds in 32 bits, however it is logged (5.0 and later).
  Catalog(const std::vector<collection::CollectionEntry>& base, bool narrow_ttl);

  /// What an operation is about: by UUID or, where the entry has none, by name. nullptr if it is not known.
  Collection* find(const bson::OplogEntry& entry);
  /// The same; one that is not known is entered as unseen.
  Collection& find_or_enter(const bson::OplogEntry& entry);

  /// An operation on the catalog. kUnsupported, by name, for what is not known.
  Status apply(const bson::OplogEntry& entry);

  Views& views() { return views_; }
  /// Everything there is, by UUID (16 bytes, or a name where there was none).
  std::map<std::string, Collection>& collections() { return by_uuid_; }

 private:
  void create(const bson::OplogEntry& entry);
  void rename(const bson::OplogEntry& entry);
  void drop(const bson::OplogEntry& entry);
  void drop_database(const std::string& db);
  void erase(std::map<std::string, Collection>::iterator which);
  void set_name(const std::string& key, Collection& collection, const bson::Namespace& ns);
  std::map<std::string, Collection>::iterator by_name(const bson::Namespace& ns);
  std::map<std::string, Collection>::iterator locate(const bson::OplogEntry& entry);
  std::map<std::string, Collection>::iterator locate_or_enter(const bson::OplogEntry& entry);

  const bool narrow_ttl_;
  std::map<std::string, Collection> by_uuid_;
  std::map<bson::Namespace, std::string> by_name_;  // the newest of that name
  Views views_;
};

}  // namespace varve::moment
