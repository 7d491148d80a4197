#include <algorithm>
#include <optional>

#include "mongo/batch.h"
#include "mongo/cursor.h"

namespace varve::mongo {

namespace {

constexpr int32_t kSample = 1000;
constexpr size_t kNeeded = 95;  ///< of a hundred neighbours in order

/// Nothing where the types differ or their order is not simple enough to tell here.
std::optional<bool> ascends(const bson::Element& a, const bson::Element& b) {
  const auto x = a.as_double();
  const auto y = b.as_double();
  if (x && y) return *x < *y;
  if (a.type() != b.type()) return std::nullopt;
  switch (a.type()) {
    case bson::Type::kDate:
      return *a.as_date() < *b.as_date();
    case bson::Type::kTimestamp:
      return *a.as_timestamp() < *b.as_timestamp();
    case bson::Type::kString:
      return *a.as_string() < *b.as_string();
    case bson::Type::kObjectId:
    case bson::Type::kBinary:
      return std::ranges::lexicographical_compare(a.value(), b.value());
    default:
      return std::nullopt;
  }
}

bson::Document first_ids(const ReadSpec& spec) {
  bson::Builder find;
  if (spec.uuid.empty()) {
    find.add("find", spec.collection);
  } else {
    find.add_uuid("find", spec.uuid);
  }
  find.open("projection").add("_id", int32_t{1}).end();
  find.open("hint").add("$natural", int32_t{1}).end();
  find.add("limit", kSample).add("batchSize", kSample).add("singleBatch", true);
  spec.add_read_concern(find);
  return find.finish();
}

}  // namespace

Result<bool> id_follows_natural_order(Connection& connection, const ReadSpec& spec, const Cancel& cancel) {
  auto found = all_results(connection, spec.db, first_ids(spec), cancel);
  if (!found) return fail(std::move(found).error().within(spec.db + "." + spec.collection));
  size_t pairs = 0;
  size_t ascending = 0;
  std::optional<bson::Element> before;
  for (const auto& document : found->documents) {
    const auto id = document.view().find("_id");
    if (!id) return false;
    if (before) {
      ++pairs;
      if (ascends(*before, *id).value_or(false)) ++ascending;
    }
    before = id;
  }
  return ascending * 100 >= pairs * kNeeded;
}

}  // namespace varve::mongo
