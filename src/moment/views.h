#pragma once

#include <map>
#include <set>
#include <string>

#include "bson/document.h"
#include "bson/namespace.h"
#include "bson/oplog.h"
#include "collection/manifest.h"

namespace varve::moment {

/// The views, which a server keeps as documents of `<db>.system.views`, time-series among them: a time-series is a view
/// over system.buckets.X and lives as long as that does.
class Views {
 public:
  /// A view or time-series of the base.
  void know(const collection::CollectionEntry& entry);

  /// True for an operation on a database's system.views.
  static bool owns(const bson::Namespace& ns);
  /// An insert, update or delete there.
  Status apply(const bson::OplogEntry& entry, bool upsert);
  void set(const bson::Namespace& ns, bson::View options);
  void drop_database(const std::string& db);

  struct View {
    bson::Document document;  ///< {_id: "db.name", viewOn, pipeline, collation}
    bool is_timeseries() const;
  };
  const std::map<bson::Namespace, View>& all() const { return views_; }
  /// Views that were changed but are not known, and not deleted either: the base should have had them.
  const std::set<bson::Namespace>& unseen() const { return unseen_; }

 private:
  std::map<bson::Namespace, View> views_;
  std::set<bson::Namespace> unseen_;
};

/// listCollections' options of a view.
bson::Document view_options(bson::View document);

}  // namespace varve::moment
