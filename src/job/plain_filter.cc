#include "job/plain_filter.h"

#include <algorithm>
#include <array>
#include <vector>

namespace varve::job {

namespace {

constexpr std::array<std::string_view, 7> kComparisons = {"$eq", "$lt", "$lte", "$gt", "$gte", "$exists", "$type"};
constexpr int kMaxDepth = 200;  // more than any server takes
constexpr std::array<std::string_view, 3> kReference = {"$ref", "$id", "$db"};

template <typename Names>
bool one_of(std::string_view name, const Names& names) {
  return std::ranges::find(names, name) != names.end();
}

/// Whether {FIELD: value} names operators; otherwise it is a value to be equal to.
bool holds_operators(const bson::Element& value) {
  const auto document = value.as_document();
  const auto first = document ? document->elements().next() : std::nullopt;
  return first && first->name().starts_with('$') && !one_of(first->name(), kReference);
}

/// Takes a filter apart into comparisons that must all hold.
class Comparisons {
 public:
  /// `depth`: how many $and it is in. False where that cannot be done: not_taken() says why.
  bool take(bson::View expression, int depth) {
    const size_t before = comparisons_.size();
    size_t parts = 0;
    bool joined = false;
    auto elements = expression.elements();
    while (const auto element = elements.next()) {
      const auto name = element->name();
      if (name == "$comment") continue;
      ++parts;
      joined |= name == "$and";
      if (!(name.starts_with('$') ? take_group(*element, depth) : take_field(*element))) return false;
    }
    if (joined) nested_ |= depth > 0 || parts > 1;
    if (depth > 0) nested_ |= comparisons_.size() != before + 1;
    return true;
  }

  /// Whether the filter was in these words already.
  bool as_it_was() const { return !nested_ && !reworded_; }
  const std::string& not_taken() const { return not_taken_; }

  bson::Document filter() const {
    if (comparisons_.size() == 1) return comparisons_.front();
    bson::Builder out;
    if (comparisons_.empty()) return out.finish();
    out.open_array("$and");
    for (size_t i = 0; i < comparisons_.size(); ++i) out.add(std::to_string(i), comparisons_[i].view());
    return out.finish();
  }

 private:
  bool refuse(std::string_view what) {
    not_taken_ = what;
    return false;
  }

  /// $or of one is that one.
  bool take_group(const bson::Element& group, int depth) {
    const auto members = group.as_array();
    if (depth >= kMaxDepth || !members || (group.name() != "$and" && group.name() != "$or"))
      return refuse(group.name());
    const bool any = group.name() == "$or";
    if (any && members->find("1")) return refuse("$or");
    reworded_ |= any;
    auto elements = members->elements();
    while (const auto member = elements.next()) {
      const auto expression = member->as_document();
      if (!expression) return refuse(group.name());
      if (!take(*expression, depth + 1)) return false;
    }
    return true;
  }

  bool take_field(const bson::Element& field) {
    if (!holds_operators(field)) {
      comparisons_.push_back(bson::Builder().add(field).finish());
      return true;
    }
    const auto document = field.as_document();
    auto operators = document->elements();
    while (const auto comparison = operators.next()) {
      const auto name = comparison->name();
      if (one_of(name, kComparisons)) {
        add(field.name(), name, *comparison);
      } else if (name != "$in" && name != "$all") {
        return refuse(name);
      } else if (!take_list(field.name(), *comparison)) {
        return false;
      }
    }
    return true;
  }

  /// $in of one value, and $all of any, are made of $eq.
  bool take_list(std::string_view field, const bson::Element& list) {
    const auto values = list.as_array();
    if (!values || values->empty() || (list.name() == "$in" && values->find("1"))) return refuse(list.name());
    auto elements = values->elements();
    while (const auto value = elements.next()) {
      if (value->type() == bson::Type::kRegex || holds_operators(*value)) return refuse(list.name());
      add(field, "$eq", *value);
    }
    reworded_ = true;
    return true;
  }

  void add(std::string_view field, std::string_view comparison, const bson::Element& value) {
    bson::Builder out;
    out.open(field).add(comparison, value).end();
    comparisons_.push_back(out.finish());
  }

  std::vector<bson::Document> comparisons_;
  bool nested_ = false, reworded_ = false;
  std::string not_taken_;
};

}  // namespace

PlainFilter plain_filter(bson::View filter) {
  Comparisons comparisons;
  if (!comparisons.take(filter, 0)) return {std::nullopt, comparisons.not_taken()};
  return {comparisons.as_it_was() ? bson::Document(filter.bytes()) : comparisons.filter(), ""};
}

}  // namespace varve::job
