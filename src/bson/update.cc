#include "bson/update.h"

#include "bson/diff.h"
#include "bson/modifiers.h"

namespace varve::bson {

namespace {

enum class Form : uint8_t { kReplacement, kModifiers, kDiff, kUnknown };

Form form_of(View o) {
  const auto first = o.elements().next();
  if (!first || !first->name().starts_with('$')) return Form::kReplacement;
  if (first->name() != "$v" || first->as_int64() == 1) return Form::kModifiers;
  return first->as_int64() == 2 ? Form::kDiff : Form::kUnknown;
}

Result<Document> replace(View document, View o) {
  if (check_framing(o.bytes(), o.bytes().size()) != o.bytes().size()) {
    return fail(ErrorKind::kCorrupt, "an update with a document that is not BSON");
  }
  if (!id_element(o.bytes()).empty()) return Document(o.bytes());
  Builder builder;
  if (const auto id = document.find("_id")) builder.add(*id);
  auto elements = o.elements();
  while (const auto element = elements.next()) builder.add(*element);
  if (!elements.valid()) return fail(ErrorKind::kCorrupt, "an update with a document that is not BSON");
  return builder.finish();
}

}  // namespace

bool is_replacement(View o) {
  return form_of(o) == Form::kReplacement;
}

bool is_modifiers(View o) {
  return form_of(o) == Form::kModifiers;
}

Result<View> diff_of(View o) {
  if (form_of(o) != Form::kDiff) return fail(ErrorKind::kCorrupt, "an update that is no diff");
  std::optional<View> diff;
  auto elements = o.elements();
  while (const auto element = elements.next()) {
    if (element->name() == "$v") continue;
    if (element->name() != "diff") {
      return fail(ErrorKind::kUnsupported, "an update holds '" + std::string(element->name()) + "' beside its diff");
    }
    if (diff || !element->as_document()) return fail(ErrorKind::kCorrupt, "an update whose diff is no document");
    diff = element->as_document();
  }
  if (!elements.valid() || !diff) return fail(ErrorKind::kCorrupt, "an update without its diff");
  return *diff;
}

Result<Document> apply_update(View document, View o) {
  switch (form_of(o)) {
    case Form::kReplacement:
      return replace(document, o);
    case Form::kModifiers:
      return apply_modifiers(document, o);
    case Form::kDiff: {
      TRY_ASSIGN(const View diff, diff_of(o));
      return apply_diff(document, diff);
    }
    case Form::kUnknown:
      break;
  }
  const auto version = o.int64("$v");
  return fail(ErrorKind::kUnsupported, "an update of version " + (version ? std::to_string(*version) : "unknown") +
                                           ", of which 1 and 2 are known");
}

}  // namespace varve::bson
