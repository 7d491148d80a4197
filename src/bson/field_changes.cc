#include "bson/field_changes.h"

#include <algorithm>
#include <map>
#include <set>

#include "bson/json.h"

namespace varve::bson {

namespace {

struct Field {
  std::string name;
  Element value;
};

std::vector<Field> fields_of(View document) {
  std::vector<Field> fields;
  auto elements = document.elements();
  while (const auto element = elements.next()) fields.push_back({std::string(element->name()), *element});
  return fields;
}

std::string shown(const Element& value) {
  return to_json(value, JsonMode::kRelaxed);
}

class Comparison {
 public:
  std::vector<FieldChange> run(View before, View after) {
    compare(before, after, "");
    return std::move(changes_);
  }

 private:
  void compare(View before, View after, const std::string& path) {
    const auto old_fields = fields_of(before), new_fields = fields_of(after);
    std::map<std::string_view, const Field*> there;
    for (const auto& field : new_fields) there.emplace(field.name, &field);
    const auto changes = changes_.size();
    std::vector<std::string_view> kept, kept_there;
    std::set<std::string_view> known_before;
    for (const auto& field : old_fields) {
      known_before.insert(field.name);
      const auto found = there.find(field.name);
      if (found == there.end()) {
        changes_.push_back({below(path, field.name), shown(field.value), std::nullopt});
        continue;
      }
      kept.push_back(field.name);
      compare_values(field.value, found->second->value, below(path, field.name));
    }
    for (const auto& field : new_fields) {
      known_before.contains(field.name)
          ? kept_there.push_back(field.name)
          : changes_.push_back({below(path, field.name), std::nullopt, shown(field.value)});
    }
    const bool told = changes_.size() > changes;
    if (kept != kept_there || (!told && !std::ranges::equal(before.bytes(), after.bytes()))) {
      changes_.resize(changes);
      changes_.push_back({path, to_json(before, JsonMode::kRelaxed), to_json(after, JsonMode::kRelaxed)});
    }
  }

  void compare_values(const Element& before, const Element& after, const std::string& path) {
    if (before.type() == after.type() && std::ranges::equal(before.value(), after.value())) return;
    const bool both =
        before.type() == after.type() && (before.type() == Type::kDocument || before.type() == Type::kArray);
    if (both) {
      const auto inner = View(before.value()), inner_after = View(after.value());
      if (validate(inner.bytes()) && validate(inner_after.bytes())) return compare(inner, inner_after, path);
    }
    changes_.push_back({path, shown(before), shown(after)});
  }

  static std::string below(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }

  std::vector<FieldChange> changes_;
};

}  // namespace

std::vector<FieldChange> field_changes(View before, View after) {
  if (validate(before.bytes()) && validate(after.bytes())) return Comparison().run(before, after);
  return {{"", to_json(before, JsonMode::kRelaxed), to_json(after, JsonMode::kRelaxed)}};
}

}  // namespace varve::bson
