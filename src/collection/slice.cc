#include "collection/slice.h"

#include <charconv>

#include <fmt/format.h>

#include "collection/json_fields.h"

namespace varve::collection {

namespace {

using json::get;
using Json = nlohmann::ordered_json;

constexpr size_t kSeconds = 10, kIncrement = 10;  // digits
constexpr std::string_view kSuffix = ".bson";

std::optional<uint32_t> parse_digits(std::string_view digits) {
  uint32_t number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

/// "1795251206.0000000003"
std::optional<bson::Timestamp> parse_time(std::string_view text) {
  if (text.size() != kSeconds + 1 + kIncrement || text[kSeconds] != '.') return std::nullopt;
  const auto seconds = parse_digits(text.substr(0, kSeconds));
  const auto increment = parse_digits(text.substr(kSeconds + 1));
  if (!seconds || !increment) return std::nullopt;
  return bson::Timestamp{*seconds, *increment};
}

Json json_of(const bson::Namespace& ns, const SliceCounts& counts) {
  Json out = Json::object();
  out["db"] = json::text(ns.db);
  out["collection"] = json::text(ns.collection);
  out["inserts"] = counts.inserts;
  out["updates"] = counts.updates;
  out["deletes"] = counts.deletes;
  out["commands"] = counts.commands;
  return out;
}

Status read_operations(const json::Json& object, std::map<bson::Namespace, SliceCounts>& out) {
  const auto list = object.find("operations");
  if (list == object.end() || !list->is_array()) return json::not_a("a list of operations");
  for (const auto& item : *list) {
    bson::Namespace ns;
    SliceCounts counts;
    TRY(get(item, "db", ns.db));
    TRY(get(item, "collection", ns.collection));
    TRY(get(item, "inserts", counts.inserts));
    TRY(get(item, "updates", counts.updates));
    TRY(get(item, "deletes", counts.deletes));
    TRY(get(item, "commands", counts.commands));
    out[std::move(ns)] = counts;
  }
  return {};
}

Status read_slice(const json::Json& object, SliceInfo& out) {
  uint64_t format = 0;
  TRY(get(object, "format", format));
  if (format != kSliceFormat) {
    return fail(Error(ErrorKind::kUnsupported, fmt::format("format {} is not known", format))
                    .hint("a newer varve made it; use that one"));
  }
  std::string wall;
  TRY(get(object, "after", out.span.after));
  TRY(get(object, "after_term", out.after_term));
  TRY(get(object, "last", out.span.last));
  TRY(get(object, "last_term", out.last_term));
  TRY(get(object, "set_name", out.set_name));
  TRY(get(object, "set_id", out.set_id));
  TRY(get(object, "member", out.member));
  TRY(get(object, "server_version", out.server_version));
  TRY(get(object, "fcv", out.fcv));
  TRY(get(object, "rollback_id", out.rollback_id));
  TRY(get(object, "wall", wall));
  TRY(get(object, "entries", out.entries));
  TRY(get(object, "bytes", out.bytes));
  TRY(get(object, "oldest_open", out.oldest_open));
  TRY(get(object, "gap", out.gap));
  TRY(get(object, "run", out.run));
  TRY(get(object, "host", out.host));
  TRY(get(object, "process", out.process));
  const auto time = parse_rfc3339(wall);
  if (!time) return json::not_a("a time");
  out.wall = *time;
  return read_operations(object, out.operations);
}

bool changes_catalog(bson::OplogKind kind) {
  return kind != bson::OplogKind::kNoop && kind != bson::OplogKind::kIgnorable &&
         kind != bson::OplogKind::kCommitTransaction && kind != bson::OplogKind::kAbortTransaction;
}

void count(const bson::OplogEntry& entry, int depth, std::map<bson::Namespace, SliceCounts>& counts) {
  constexpr int kMostNested = 10;  // as the server
  const auto of_namespace = [&]() -> SliceCounts& { return counts[entry.ns]; };
  switch (entry.kind) {
    case bson::OplogKind::kInsert:
      ++of_namespace().inserts;
      return;
    case bson::OplogKind::kUpdate:
      ++of_namespace().updates;
      return;
    case bson::OplogKind::kDelete:
      ++of_namespace().deletes;
      return;
    default:
      break;
  }
  const auto operations = entry.kind == bson::OplogKind::kApplyOps && depth < kMostNested
                              ? bson::nested_operations(entry)
                              : Result<std::vector<bson::OplogEntry>>(std::vector<bson::OplogEntry>());
  if (!operations || (operations->empty() && changes_catalog(entry.kind))) ++of_namespace().commands;
  if (!operations) return;
  for (const auto& operation : *operations) count(operation, depth + 1, counts);
}

}  // namespace

std::string slice_folder(bson::Timestamp last) {
  const auto time = std::chrono::sys_seconds(std::chrono::seconds(last.seconds));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}/{:02}/{:02}/{:02}", int{date.year()}, unsigned{date.month()}, unsigned{date.day()},
                     std::chrono::floor<std::chrono::hours>(time - day).count());
}

std::string slice_name(const SliceSpan& span) {
  const auto time = [](bson::Timestamp t) { return fmt::format("{:010}.{:010}", t.seconds, t.increment); };
  return time(span.after) + "-" + time(span.last);
}

std::optional<SliceSpan> parse_slice_name(std::string_view file) {
  constexpr size_t kTime = kSeconds + 1 + kIncrement;
  if (file.size() != 2 * kTime + 1 + kSuffix.size() || !file.ends_with(kSuffix) || file[kTime] != '-') {
    return std::nullopt;
  }
  const auto after = parse_time(file.substr(0, kTime));
  const auto last = parse_time(file.substr(kTime + 1, kTime));
  if (!after || !last || *last < *after) return std::nullopt;
  return SliceSpan{*after, *last};
}

std::string encode_slice(const SliceInfo& info) {
  Json out = Json::object();
  out["format"] = kSliceFormat;
  out["after"] = info.span.after.text();
  out["after_term"] = info.after_term;
  out["last"] = info.span.last.text();
  out["last_term"] = info.last_term;
  out["set_name"] = json::text(info.set_name);
  out["set_id"] = info.set_id;
  out["member"] = json::text(info.member);
  out["server_version"] = json::text(info.server_version);
  out["fcv"] = json::text(info.fcv);
  out["rollback_id"] = info.rollback_id;
  out["wall"] = format_rfc3339(info.wall);
  out["entries"] = info.entries;
  out["bytes"] = info.bytes;
  out["oldest_open"] = info.oldest_open.text();
  out["gap"] = json::text(info.gap);
  out["run"] = info.run;
  out["host"] = json::text(info.host);
  out["process"] = info.process;
  auto& operations = out["operations"] = Json::array();
  for (const auto& [ns, counts] : info.operations) operations.push_back(json_of(ns, counts));
  return out.dump() + "\n";
}

Result<SliceInfo> decode_slice(std::string_view json_text) {
  const auto parsed = json::parse(json_text);
  if (!parsed || !parsed->is_object()) {
    return fail(ErrorKind::kCorrupt, "what describes a slice of the oplog is not JSON as varve writes it");
  }
  SliceInfo info;
  auto status = read_slice(*parsed, info);
  if (!status) return fail(std::move(status).error().within("what describes a slice of the oplog"));
  return info;
}

void count_operations(bson::View entry, std::map<bson::Namespace, SliceCounts>& counts) {
  const auto parsed = bson::parse_oplog_entry(entry);
  if (parsed) return count(*parsed, 0, counts);
  ++counts[bson::Namespace::parse(entry.string("ns").value_or(""))].commands;
}

}  // namespace varve::collection
