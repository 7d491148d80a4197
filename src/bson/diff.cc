#include "bson/diff.h"

#include <charconv>
#include <unordered_map>

#include "bson/building.h"

namespace varve::bson {

namespace {

tl::unexpected<Error> bad_diff(std::string_view why) {
  return fail(ErrorKind::kCorrupt, "a diff " + std::string(why));
}

/// What a document diff does with one field.
struct Change {
  enum Kind : uint8_t { kDelete, kUpdate, kInsert, kInner } kind;
  Element element;
  bool done = false;
};

/// A document diff, read: every field that it names, once.
class Fields {
 public:
  Status read(View diff) {
    auto sections = diff.elements();
    while (const auto section = sections.next()) {
      const std::string_view name = section->name();
      if (name == "b") return fail(ErrorKind::kUnsupported, "a binary diff ('b'), as newer servers write it");
      const auto content = section->as_document();
      if (!content) return bad_diff("with a section that is no document");
      if (name.starts_with('s')) {
        TRY(add(Change::kInner, name.substr(1), *section));
      } else if (name == "d" || name == "u" || name == "i") {
        TRY(add_section(name[0], *content));
      } else {
        return fail(ErrorKind::kUnsupported, "a diff with a section '" + std::string(name) + "'");
      }
    }
    if (!sections.valid()) return bad_diff("that is not BSON");
    return changes_.empty() ? Status(bad_diff("that changes nothing")) : Status();
  }

  Change* find(std::string_view name) {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &changes_[found->second];
  }

  /// What is left once all fields of the document were asked for: fields to append, in their order.
  void append_rest(Building& out) const {
    for (const auto& change : changes_) {
      if (change.kind == Change::kUpdate && !change.done) out.add(change.element);
    }
    for (const auto& change : changes_) {
      if (change.kind == Change::kInsert) out.add(change.element);
    }
  }

 private:
  Status add_section(char section, View content) {
    const auto kind = section == 'd' ? Change::kDelete : section == 'u' ? Change::kUpdate : Change::kInsert;
    bool& seen = kind == Change::kDelete ? deletes_ : kind == Change::kUpdate ? updates_ : inserts_;
    if (std::exchange(seen, true)) return bad_diff("with a section that comes twice");
    auto elements = content.elements();
    while (const auto element = elements.next()) TRY(add(kind, element->name(), *element));
    return elements.valid() ? Status() : Status(bad_diff("that is not BSON"));
  }

  Status add(Change::Kind kind, std::string_view name, const Element& element) {
    if (!by_name_.emplace(name, changes_.size()).second) return bad_diff("that names a field twice");
    changes_.push_back({kind, element});
    return {};
  }

  std::vector<Change> changes_;
  std::unordered_map<std::string_view, size_t> by_name_;
  bool deletes_ = false, updates_ = false, inserts_ = false;
};

Status diff_into(View document, View diff, Bytes& out, int depth);

/// A nested diff of an element that must be a document or an array, as the diff says; null if it is not.
Status nested_into(std::string_view name, const Element* element, View diff, Building& out, int depth) {
  const Type type = is_array_diff(diff) ? Type::kArray : Type::kDocument;
  if (element == nullptr || element->type() != type) {
    out.add_null(name);
    return {};
  }
  out.begin(name, type);
  return diff_into(View(element->value()), diff, out.bytes(), depth + 1);
}

Status document_into(View document, View diff, Bytes& bytes, int depth) {
  Fields fields;
  TRY(fields.read(diff));
  Building out(bytes);
  auto elements = document.elements();
  while (const auto element = elements.next()) {
    Change* change = fields.find(element->name());
    if (change == nullptr) {
      out.add(*element);
    } else if (change->kind == Change::kUpdate) {
      if (!std::exchange(change->done, true)) out.add(change->element);
    } else if (change->kind == Change::kInner) {
      TRY(nested_into(element->name(), &*element, *change->element.as_document(), out, depth));
    }
    if (out.too_large()) return too_large();
  }
  if (!elements.valid()) return fail(ErrorKind::kCorrupt, "a document to be updated is not BSON");
  fields.append_rest(out);
  out.finish();
  return {};
}

/// An array as it is read and written by position.
class ArrayDiff {
 public:
  ArrayDiff(View array, Bytes& bytes) : old_(array.elements()), out_(bytes), next_(old_.next()) {}

  Status apply(View diff, int depth) {
    auto entries = diff.elements();
    const auto mark = entries.next();
    if (!mark || mark->as_bool() != true) return bad_diff("of an array without its mark");
    bool first = true;
    while (const auto entry = entries.next()) {
      if (std::exchange(first, false) && entry->name() == "l") {
        TRY(set_length(*entry));
      } else {
        TRY(change(*entry, depth));
      }
    }
    if (!entries.valid()) return bad_diff("that is not BSON");
    return finish();
  }

 private:
  Status set_length(const Element& entry) {
    const auto length = entry.as_int64();
    if (!length || *length < 0 || *length > INT32_MAX) return bad_diff("with a length that is none");
    length_ = static_cast<size_t>(*length);
    return {};
  }

  Status change(const Element& entry, int depth) {
    const std::string_view name = entry.name();
    const auto index = name.empty() ? std::nullopt : array_index(name.substr(1));
    if (!index || (name[0] != 'u' && name[0] != 's')) {
      return fail(ErrorKind::kUnsupported, "a diff of an array with an entry '" + std::string(name) + "'");
    }
    if (written_ > *index) return bad_diff("of an array whose entries are out of order");
    TRY(copy_up_to(*index));
    const auto old = take();
    if (!room()) return {};
    if (name[0] == 'u') {
      out_.add(number(), entry);
    } else {
      const auto inner = entry.as_document();
      if (!inner) return bad_diff("with an entry that is no document");
      TRY(nested_into(number(), old ? &*old : nullptr, *inner, out_, depth));
    }
    ++written_;
    return out_.too_large() ? Status(too_large()) : Status();
  }

  Status copy_up_to(size_t index) {
    while (written_ < index && room()) {
      const auto old = take();
      if (old) {
        out_.add(number(), *old);
      } else {
        out_.add_null(number());
      }
      ++written_;
      if (out_.too_large()) return too_large();
    }
    return {};
  }

  Status finish() {
    if (length_) {
      TRY(copy_up_to(*length_));
    } else {
      while (next_) TRY(copy_up_to(written_ + 1));
    }
    while (next_) take();
    if (!old_.valid()) return fail(ErrorKind::kCorrupt, "a document to be updated is not BSON");
    out_.finish();
    return {};
  }

  std::optional<Element> take() {
    auto taken = next_;
    if (next_) next_ = old_.next();
    return taken;
  }
  bool room() const { return !length_ || written_ < *length_; }
  std::string_view number() {
    const auto end = std::to_chars(digits_, digits_ + sizeof digits_, written_).ptr;
    return {digits_, static_cast<size_t>(end - digits_)};
  }

  Iterator old_;
  Building out_;
  std::optional<Element> next_;
  std::optional<size_t> length_;
  size_t written_ = 0;
  char digits_[20];
};

Status diff_into(View document, View diff, Bytes& out, int depth) {
  if (depth > kMaxUpdateDepth) return bad_diff("nested more deeply than any document");
  if (is_array_diff(diff)) return ArrayDiff(document, out).apply(diff, depth);
  return document_into(document, diff, out, depth);
}

}  // namespace

Result<Document> apply_diff(View document, View diff) {
  if (is_array_diff(diff)) return bad_diff("of an array where a document is");
  Bytes out;
  out.reserve(document.bytes().size() + diff.bytes().size());
  TRY(document_into(document, diff, out, 0));
  return Document::adopt(std::move(out));
}

Result<Document> apply_nested(View value, View diff) {
  Bytes out;
  TRY(diff_into(value, diff, out, 0));
  return Document::adopt(std::move(out));
}

bool is_array_diff(View diff) {
  const auto first = diff.elements().next();
  return first && first->name() == "a";
}

}  // namespace varve::bson
