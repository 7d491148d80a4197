#include "moment/views.h"

#include "bson/update.h"

namespace varve::moment {

namespace {

using bson::OplogKind;

/// The view that an operation on system.views is about: its `_id` is "db.name".
Result<bson::Namespace> subject(const bson::OplogEntry& entry) {
  const auto in_o2 = entry.entry.string("o2._id");
  const auto id = in_o2 && entry.kind == OplogKind::kUpdate ? in_o2 : entry.o.string("_id");
  if (!id) return fail(ErrorKind::kCorrupt, "an operation on " + entry.ns.text() + " without the view's name");
  return bson::Namespace::parse(*id);
}

}  // namespace

bool Views::owns(const bson::Namespace& ns) {
  return ns.collection == "system.views" && ns.db != "local" && ns.db != "config";
}

void Views::know(const collection::CollectionEntry& entry) {
  bson::Builder document;
  document.add("_id", entry.ns.text());
  // What a time-series' view is made of is not in its options, and nobody asks for it.
  if (entry.type == "timeseries") document.add("viewOn", "system.buckets." + entry.ns.collection);
  auto options = entry.options.view().elements();
  while (const auto option = options.next()) document.add(*option);
  views_[entry.ns] = {document.finish()};
}

void Views::set(const bson::Namespace& ns, bson::View options) {
  bson::Builder document;
  document.add("_id", ns.text());
  auto elements = options.elements();
  while (const auto option = elements.next()) document.add(*option);
  views_[ns] = {document.finish()};
}

Status Views::apply(const bson::OplogEntry& entry, bool upsert) {
  TRY_ASSIGN(const auto ns, subject(entry));
  const bool known_before = views_.contains(ns);
  unseen_.erase(ns);
  if (entry.kind == OplogKind::kDelete) {
    views_.erase(ns);
  } else if (entry.kind == OplogKind::kInsert) {
    views_[ns] = {bson::Document(entry.o.bytes())};
  } else {
    if (!known_before && !upsert && !bson::is_replacement(entry.o)) {
      unseen_.insert(ns);
      return {};
    }
    const auto before = known_before ? views_.at(ns).document : bson::Builder().add("_id", ns.text()).finish();
    TRY_ASSIGN(auto after, bson::apply_update(before, entry.o));
    views_[ns] = {std::move(after)};
  }
  return {};
}

void Views::drop_database(const std::string& db) {
  std::erase_if(views_, [&](const auto& view) { return view.first.db == db; });
  std::erase_if(unseen_, [&](const auto& ns) { return ns.db == db; });
}

bool Views::View::is_timeseries() const {
  return document.view().string("viewOn").value_or("").starts_with("system.buckets.");
}

bson::Document view_options(bson::View document) {
  return bson::without(document, "_id");
}

}  // namespace varve::moment
