#include "bson/compose.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "bson/building.h"
#include "bson/diff.h"
#include "bson/update.h"

namespace varve::bson {

namespace {

/// A document as the value of one element.
Document as_value(Type type, View value) {
  Builder b;
  return (type == Type::kArray ? b.add_array("v", value) : b.add("v", value)).finish();
}

Document null_value() {
  return Builder().add_null("v").finish();
}

/// What happens to one field or one position: a value is set, the field goes, or a diff is applied inside.
struct Change {
  enum Kind : uint8_t { kDelete, kUpdate, kInsert, kInner } kind;
  std::string name;
  Document value;  // {v: what is set}; for kInner the diff itself

  Element element() const { return *value.view().elements().next(); }
};

Change setting(Change::Kind kind, std::string_view name, const Element& element) {
  return {kind, std::string(name), Builder().add("v", element).finish()};
}

std::optional<Document> compose_diffs(View earlier, View later, int depth);

/// A diff applied to a value that is known: false if it can't be.
bool apply_inside(Change& set, View diff) {
  const Element old = set.element();
  if (old.type() != (is_array_diff(diff) ? Type::kArray : Type::kDocument)) {
    set.value = null_value();
    return true;
  }
  const auto changed = apply_nested(View(old.value()), diff);
  if (changed) set.value = as_value(old.type(), *changed);
  return changed.has_value();
}

/// `later`, a diff, after `known`, which sets a value or is a diff itself.
bool compose_inside(Change& known, View later, int depth) {
  if (known.kind == Change::kDelete) return true;  // nothing is there any more
  if (known.kind != Change::kInner) return apply_inside(known, later);
  if (is_array_diff(known.value) != is_array_diff(later)) return false;
  auto both = compose_diffs(known.value, later, depth + 1);
  if (both) known.value = std::move(*both);
  return both.has_value();
}

/// What a diff does to a document's fields, in the order in which it does that.
class Fields {
 public:
  /// False for what is no diff, or not a simple one.
  bool read(View diff) {
    return each(diff, [&](Change change) {
      by_name_.emplace(change.name, changes_.size());
      const bool once = by_name_.size() == changes_.size() + 1;
      changes_.push_back(std::move(change));
      return once;
    });
  }

  /// False if the two can't be joined.
  bool add(View later, int depth) {
    const bool inserted = std::ranges::any_of(changes_, [](const auto& c) { return c.kind == Change::kInsert; });
    return each(later, [&](Change change) {
      Change* const known = find(change.name);
      switch (change.kind) {
        case Change::kInner:
          return known == nullptr ? append(std::move(change)) : compose_inside(*known, change.value, depth);
        case Change::kUpdate:
          if (known != nullptr && (known->kind == Change::kUpdate || known->kind == Change::kInsert)) {
            known->value = std::move(change.value);
            return true;
          }
          // If the field is not there, it comes behind what was inserted before, or where it had been deleted.
          if (inserted || (known != nullptr && known->kind == Change::kDelete)) return false;
          return replace(std::move(change));
        default:
          return replace(std::move(change));
      }
    });
  }

  Document write() const {
    Builder out;
    write_section("d", Change::kDelete, out);
    write_section("u", Change::kUpdate, out);
    write_section("i", Change::kInsert, out);
    for (const auto& change : changes_) {
      if (change.kind == Change::kInner && is_live(change)) out.add("s" + change.name, change.value);
    }
    return out.finish();
  }

 private:
  template <typename Use>
  static bool each(View diff, Use use) {
    auto sections = diff.elements();
    while (const auto section = sections.next()) {
      const auto content = section->as_document();
      const std::string_view name = section->name();
      if (!content || name.empty()) return false;
      if (name[0] == 's') {
        if (!use({Change::kInner, std::string(name.substr(1)), Document(content->bytes())})) return false;
        continue;
      }
      if (name != "d" && name != "u" && name != "i") return false;
      const auto kind = name == "d" ? Change::kDelete : name == "u" ? Change::kUpdate : Change::kInsert;
      auto fields = content->elements();
      while (const auto field = fields.next()) {
        if (!use(setting(kind, field->name(), *field))) return false;
      }
      if (!fields.valid()) return false;
    }
    return sections.valid();
  }

  Change* find(std::string_view name) {
    const auto found = by_name_.find(std::string(name));
    return found == by_name_.end() ? nullptr : &changes_[found->second];
  }
  bool is_live(const Change& change) const { return &changes_[by_name_.at(change.name)] == &change; }
  bool append(Change change) {
    by_name_[change.name] = changes_.size();
    changes_.push_back(std::move(change));
    return true;
  }
  /// Behind all others; what was there under that name is dead.
  bool replace(Change change) { return append(std::move(change)); }

  void write_section(std::string_view name, Change::Kind kind, Builder& out) const {
    const auto is_in = [&](const Change& change) { return change.kind == kind && is_live(change); };
    if (std::ranges::none_of(changes_, is_in)) return;
    out.open(name);
    for (const auto& change : changes_) {
      if (is_in(change)) out.add(change.name, change.element());
    }
    out.end();
  }

  std::vector<Change> changes_;
  std::unordered_map<std::string, size_t> by_name_;
};

/// What a diff does to an array's positions.
class Positions {
 public:
  bool read(View diff) {
    return each(diff, [&](uint32_t index, Change change) { return changes_.emplace(index, std::move(change)).second; });
  }

  bool add(View later, int depth) {
    const auto before = std::exchange(length_, std::nullopt);
    const bool fits = each(later, [&](uint32_t index, Change change) {
      if (before && index >= *before) return false;  // what was cut off would show again
      const auto known = changes_.find(index);
      if (known == changes_.end() || change.kind == Change::kUpdate) {
        changes_.insert_or_assign(index, std::move(change));
        return true;
      }
      return compose_inside(known->second, change.value, depth);
    });
    if (!fits || (before && length_ && *before < *length_)) return false;
    if (!length_) length_ = before;
    return true;
  }

  Document write() const {
    Builder out;
    out.add("a", true);
    if (length_) out.add("l", static_cast<int32_t>(*length_));
    for (const auto& [index, change] : changes_) {
      if (length_ && index >= *length_) break;
      if (change.kind == Change::kInner) {
        out.add("s" + std::to_string(index), change.value);
      } else {
        out.add("u" + std::to_string(index), change.element());
      }
    }
    return out.finish();
  }

 private:
  template <typename Use>
  bool each(View diff, Use use) {
    auto entries = diff.elements();
    const auto mark = entries.next();
    if (!mark || mark->as_bool() != true) return false;
    while (const auto entry = entries.next()) {
      const std::string_view name = entry->name();
      if (name == "l") {
        const auto length = entry->as_int64();
        if (!length || *length < 0 || *length > INT32_MAX || length_) return false;
        length_ = static_cast<uint32_t>(*length);
        continue;
      }
      const auto index = name.empty() ? std::nullopt : array_index(name.substr(1));
      const auto inner = entry->as_document();
      if (!index || (name[0] != 'u' && name[0] != 's') || (name[0] == 's' && !inner)) return false;
      if (!use(*index, name[0] == 'u' ? setting(Change::kUpdate, "", *entry)
                                      : Change{Change::kInner, "", Document(inner->bytes())})) {
        return false;
      }
    }
    return entries.valid();
  }

  std::map<uint32_t, Change> changes_;
  std::optional<uint32_t> length_;
};

template <typename Kind>
std::optional<Document> join(View earlier, View later, int depth) {
  Kind changes;
  if (!changes.read(earlier) || !changes.add(later, depth)) return std::nullopt;
  return changes.write();
}

std::optional<Document> compose_diffs(View earlier, View later, int depth) {
  if (depth > kMaxUpdateDepth) return std::nullopt;
  return is_array_diff(earlier) ? join<Positions>(earlier, later, depth) : join<Fields>(earlier, later, depth);
}

/// {$v: 1}: paths with what they are set to, in order; those of $unset have no value.
class Paths {
 public:
  bool read(View o) {
    return each(o, [&](std::string_view path, std::optional<Element> value) {
      paths_.push_back({path, value});
      return true;
    });
  }

  bool add(View later) {
    return each(later, [&](std::string_view path, std::optional<Element> value) {
      const auto known = std::ranges::find(paths_, path, &Path::path);
      if (known == paths_.end()) {
        if (std::ranges::any_of(paths_, [&](const Path& p) { return touch(p.path, path); })) return false;
        paths_.push_back({path, value});
        return paths_.size() < kMany;
      }
      // What was unset and is set again comes at the end; what was set may have made the way there.
      const bool kept = known->value.has_value() == value.has_value();
      if (!kept && (value || path.find('.') != std::string_view::npos)) return false;
      known->value = value;
      return true;
    });
  }

  Document write() const {
    Builder out;
    out.add("$v", int32_t{1});
    for (const bool set : {true, false}) {
      const auto is_in = [&](const Path& path) { return path.value.has_value() == set; };
      if (std::ranges::none_of(paths_, is_in)) continue;
      out.open(set ? "$set" : "$unset");
      for (const auto& path : paths_) {
        if (!is_in(path)) continue;
        set ? out.add(path.path, *path.value) : out.add(path.path, true);
      }
      out.end();
    }
    return out.finish();
  }

 private:
  // Every path is compared with every other.
  static constexpr size_t kMany = 64;
  struct Path {
    std::string_view path;
    std::optional<Element> value;
  };

  /// True if the one could matter to the other: it leads there, or both may go into one array, which one of them pads.
  static bool touch(std::string_view one, std::string_view other) {
    return leads_to(one, other) || leads_to(other, one) || (has_position(one) && has_position(other));
  }
  static bool has_position(std::string_view path) {
    while (true) {
      const size_t dot = path.find('.');
      if (array_index(path.substr(0, dot))) return true;
      if (dot == std::string_view::npos) return false;
      path.remove_prefix(dot + 1);
    }
  }
  static bool leads_to(std::string_view shorter, std::string_view longer) {
    return longer.size() > shorter.size() && longer.starts_with(shorter) && longer[shorter.size()] == '.';
  }

  template <typename Use>
  static bool each(View o, Use use) {
    auto operators = o.elements();
    while (const auto one = operators.next()) {
      if (one->name() == "$v") continue;
      const auto paths = one->as_document();
      const bool set = one->name() == "$set";
      if (!paths || (!set && one->name() != "$unset")) return false;
      auto each_path = paths->elements();
      while (const auto path = each_path.next()) {
        if (!use(path->name(), set ? std::optional(*path) : std::nullopt)) return false;
      }
      if (!each_path.valid()) return false;
    }
    return operators.valid();
  }

  std::vector<Path> paths_;
};

}  // namespace

std::optional<Document> compose(View earlier, View later) {
  const auto late = diff_of(later);
  const auto early = diff_of(earlier);
  if (late && early && !is_array_diff(*late) && !is_array_diff(*early)) {
    const auto both = compose_diffs(*early, *late, 0);
    if (!both) return std::nullopt;
    return Builder().add("$v", int32_t{2}).add("diff", *both).finish();
  }
  if (!is_modifiers(earlier) || !is_modifiers(later)) return std::nullopt;
  Paths paths;
  if (!paths.read(earlier) || !paths.add(later)) return std::nullopt;
  return paths.write();
}

}  // namespace varve::bson
