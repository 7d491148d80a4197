#include "bson/oplog.h"

#include <algorithm>
#include <array>

namespace varve::bson {

namespace {

struct NamedKind {
  std::string_view name;
  OplogKind kind;
};

constexpr std::array kOperations = {
    NamedKind{"i", OplogKind::kInsert},     NamedKind{"u", OplogKind::kUpdate},
    NamedKind{"d", OplogKind::kDelete},     NamedKind{"n", OplogKind::kNoop},
    NamedKind{"db", OplogKind::kIgnorable}, NamedKind{"ci", OplogKind::kIgnorable},
    NamedKind{"cu", OplogKind::kIgnorable}, NamedKind{"cd", OplogKind::kIgnorable},
    NamedKind{"km", OplogKind::kIgnorable},
};

constexpr std::array kCommands = {
    NamedKind{"create", OplogKind::kCreate},
    NamedKind{"drop", OplogKind::kDrop},
    NamedKind{"dropDatabase", OplogKind::kDropDatabase},
    NamedKind{"renameCollection", OplogKind::kRename},
    NamedKind{"collMod", OplogKind::kCollMod},
    NamedKind{"convertToCapped", OplogKind::kConvertToCapped},
    NamedKind{"emptycapped", OplogKind::kEmptyCapped},
    NamedKind{"createIndexes", OplogKind::kCreateIndexes},
    NamedKind{"dropIndexes", OplogKind::kDropIndexes},
    NamedKind{"dropIndex", OplogKind::kDropIndexes},
    NamedKind{"deleteIndexes", OplogKind::kDropIndexes},
    NamedKind{"deleteIndex", OplogKind::kDropIndexes},
    NamedKind{"startIndexBuild", OplogKind::kStartIndexBuild},
    NamedKind{"commitIndexBuild", OplogKind::kCommitIndexBuild},
    NamedKind{"abortIndexBuild", OplogKind::kAbortIndexBuild},
    NamedKind{"applyOps", OplogKind::kApplyOps},
    NamedKind{"commitTransaction", OplogKind::kCommitTransaction},
    NamedKind{"abortTransaction", OplogKind::kAbortTransaction},
    NamedKind{"dbCheck", OplogKind::kIgnorable},
    NamedKind{"setMultikeyMetadata", OplogKind::kIgnorable},
    NamedKind{"dropIdent", OplogKind::kIgnorable},
};

template <size_t N>
OplogKind lookup(const std::array<NamedKind, N>& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const NamedKind& k) { return k.name == name; });
  return found == table.end() ? OplogKind::kUnknown : found->kind;
}

tl::unexpected<Error> not_an_entry(std::string_view why) {
  return fail(ErrorKind::kCorrupt, "not an oplog entry: " + std::string(why));
}

constexpr int64_t kVersion = 2;

/// The sections of a document diff: d, u, i, b, or s and a field's name.
bool is_section(const Element& section) {
  const std::string_view name = section.name();
  const bool known = name == "d" || name == "u" || name == "i" || name == "b" || name.starts_with('s');
  return known && section.as_document();
}

bool is_diff(View diff) {
  auto sections = diff.elements();
  while (const auto section = sections.next()) {
    if (!is_section(*section)) return false;
  }
  return sections.valid() && !diff.empty();
}

/// {$v: 2, diff}, {$v: 1, $set, $unset}, or a whole document.
bool is_update(View o) {
  auto elements = o.elements();
  const auto first = elements.next();
  if (!first || !first->name().starts_with('$')) return true;
  if (first->name() == "$v" && first->as_int64() == 2) {
    const auto diff = o.document("diff");
    return diff && is_diff(*diff);
  }
  for (auto element = first; element; element = elements.next()) {
    const bool version = element->name() == "$v" && element->as_int64() == 1;
    if (!version && element->name() != "$set" && element->name() != "$unset") return false;
  }
  return true;
}

Status read_rename(OplogEntry& entry) {
  const auto to = entry.o.string("to");
  if (!to) return not_an_entry("a rename without its new name");
  entry.rename_to = Namespace::parse(*to);
  if (const auto target = entry.o.find("dropTarget")) {
    entry.drop_target = target->as_uuid();
    entry.drops_target = entry.drop_target || target->truthy();
  }
  return {};
}

/// Commands are logged under "db.$cmd"; what they are about is the value of their first field.
Status resolve_command(OplogEntry& entry) {
  const auto first = entry.o.elements().next();
  if (!first) return not_an_entry("an empty command");
  entry.command = first->name();
  entry.kind = lookup(kCommands, entry.command);
  const auto target = first->as_string();
  switch (entry.kind) {
    case OplogKind::kDropDatabase:
      entry.ns.collection.clear();
      return {};
    case OplogKind::kApplyOps:
    case OplogKind::kCommitTransaction:
    case OplogKind::kAbortTransaction:
      return {};
    case OplogKind::kRename:
      if (!target) return not_an_entry("a rename without its old name");
      entry.ns = Namespace::parse(*target);
      return read_rename(entry);
    case OplogKind::kUnknown:
    case OplogKind::kIgnorable:
      if (target) entry.ns.collection = *target;
      return {};
    default:
      if (!target) return not_an_entry(std::string(entry.command) + " without a collection");
      entry.ns.collection = *target;
      return {};
  }
}

/// What is the same at the top level and inside applyOps.
Result<OplogEntry> parse_operation(View view) {
  OplogEntry entry;
  entry.entry = view;
  std::optional<std::string_view> op, ns;
  std::optional<View> o;
  auto elements = view.elements();
  while (const auto element = elements.next()) {
    const std::string_view name = element->name();
    if (name == "op") op = element->as_string();
    if (name == "ns") ns = element->as_string();
    if (name == "o") o = element->as_document();
    if (name == "ui") entry.uuid = element->as_uuid();
    if (name == "ts") entry.ts = element->as_timestamp().value_or(Timestamp{});
    if (name == "v") entry.version = element->as_int64();
    if (name == "t") entry.term = element->as_int64().value_or(0);
  }
  if (!elements.valid()) return not_an_entry("its bytes are not BSON");
  if (!op) return not_an_entry("it has no \"op\"");
  entry.op = *op;
  entry.ns = Namespace::parse(ns.value_or(""));
  entry.o = o.value_or(View());
  entry.kind = lookup(kOperations, *op);
  if (entry.kind == OplogKind::kNoop || entry.kind == OplogKind::kIgnorable) return entry;
  if (!ns || !o) return not_an_entry("it has no \"ns\" or no \"o\"");
  if (entry.kind == OplogKind::kUpdate && !is_update(*o)) entry.kind = OplogKind::kUnknown;
  if (entry.kind == OplogKind::kUnknown) entry.command = *op;
  if (*op == "c") TRY(resolve_command(entry));
  return entry;
}

}  // namespace

Result<OplogEntry> parse_oplog_entry(View entry) {
  TRY_ASSIGN(auto parsed, parse_operation(entry));
  if (parsed.ts == Timestamp{}) return not_an_entry("it has no \"ts\"");
  if (parsed.kind != OplogKind::kNoop && parsed.version != kVersion) parsed.kind = OplogKind::kUnknown;
  return parsed;
}

std::string describe_unknown(const OplogEntry& entry) {
  const std::string on = " on " + entry.ns.text();
  if (entry.op == "u" && !is_update(entry.o)) {
    const auto diff = entry.o.document("diff").value_or(View());
    auto sections = diff.elements();
    while (const auto section = sections.next()) {
      if (!is_section(*section)) return "an update with '" + std::string(section->name()) + "'" + on;
    }
    return "an update" + on;
  }
  const std::string what = entry.command.empty() ? std::string(entry.op) : std::string(entry.command);
  const bool dialect = entry.ts != Timestamp{} && entry.version != kVersion;
  return "'" + what + "'" + on + (dialect ? ", in an entry that is not of the version 2" : "");
}

Result<std::vector<OplogEntry>> nested_operations(const OplogEntry& apply_ops) {
  const auto list = apply_ops.o.array("applyOps");
  if (!list) return not_an_entry("applyOps without its list");
  std::vector<OplogEntry> operations;
  auto elements = list->elements();
  while (const auto element = elements.next()) {
    const auto operation = element->as_document();
    if (!operation) return not_an_entry("applyOps holds something that is no operation");
    TRY_ASSIGN(auto parsed, parse_operation(*operation));
    parsed.ts = {};
    operations.push_back(std::move(parsed));
  }
  if (!elements.valid()) return not_an_entry("applyOps holds bytes that are not BSON");
  return operations;
}

}  // namespace varve::bson
