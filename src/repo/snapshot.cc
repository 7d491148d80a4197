#include "repo/snapshot.h"

#include <algorithm>

#include "repo/go_time.h"
#include "repo/json_budget.h"
#include "repo/json_object.h"

namespace varve::repo {

namespace {

struct Counter {
  std::string_view key;
  uint64_t SnapshotSummary::*member;
};

/// In restic's order.
constexpr Counter kCounters[] = {
    {"files_new", &SnapshotSummary::files_new},
    {"files_changed", &SnapshotSummary::files_changed},
    {"files_unmodified", &SnapshotSummary::files_unmodified},
    {"dirs_new", &SnapshotSummary::dirs_new},
    {"dirs_changed", &SnapshotSummary::dirs_changed},
    {"dirs_unmodified", &SnapshotSummary::dirs_unmodified},
    {"data_blobs", &SnapshotSummary::data_blobs},
    {"tree_blobs", &SnapshotSummary::tree_blobs},
    {"data_added", &SnapshotSummary::data_added},
    {"data_added_packed", &SnapshotSummary::data_added_packed},
    {"total_files_processed", &SnapshotSummary::total_files_processed},
    {"total_bytes_processed", &SnapshotSummary::total_bytes_processed},
};

/// A time that was read is written as it stood.
std::string time_text(Time time, const std::string& as_read) {
  return as_read.empty() ? format_go_time(time) : as_read;
}

std::string encode_summary(const SnapshotSummary& summary) {
  std::string out;
  JsonObject object(out);
  object.string("backup_start", time_text(summary.backup_start, summary.backup_start_text));
  object.string("backup_end", time_text(summary.backup_end, summary.backup_end_text));
  for (const auto& counter : kCounters) object.number(counter.key, summary.*counter.member);
  object.close();
  return out;
}

Status decode_summary(JsonReader& in, std::optional<SnapshotSummary>& out) {
  if (in.take_null()) return {};
  auto& summary = out.emplace();
  return in.object([&](std::string_view key) -> Status {
    if (key == "backup_start") return in.time(summary.backup_start, &summary.backup_start_text);
    if (key == "backup_end") return in.time(summary.backup_end, &summary.backup_end_text);
    const auto counter =
        std::find_if(std::begin(kCounters), std::end(kCounters), [&](auto& c) { return c.key == key; });
    return counter == std::end(kCounters) ? in.skip() : in.number(summary.*counter->member);
  });
}

constexpr size_t kFree = 64u << 10;

Status decode_strings(JsonReader& in, JsonBudget& budget, std::vector<std::string>& out) {
  out.clear();
  return in.array([&]() -> Status {
    budget.make_room(in, out);
    TRY(in.string(out.emplace_back()));
    return budget.take(in, sizeof(std::string) + heap_of(out.back()));
  });
}

Status decode_optional_id(JsonReader& in, std::optional<Id>& out) {
  out.reset();
  if (in.take_null()) return {};
  return in.id(out.emplace());
}

Status decode_member(JsonReader& in, JsonBudget& budget, std::string_view key, Snapshot& s) {
  if (key == "time") return in.time(s.time, &s.time_text);
  if (key == "parent") return decode_optional_id(in, s.parent);
  if (key == "tree") return in.id(s.tree);
  if (key == "paths") return decode_strings(in, budget, s.paths);
  if (key == "hostname") return in.string(s.hostname);
  if (key == "username") return in.string(s.username);
  if (key == "uid") return in.number(s.uid);
  if (key == "gid") return in.number(s.gid);
  if (key == "excludes") return decode_strings(in, budget, s.excludes);
  if (key == "tags") return decode_strings(in, budget, s.tags);
  if (key == "original") return decode_optional_id(in, s.original);
  if (key == "program_version") return in.string(s.program_version);
  if (key == "summary") return decode_summary(in, s.summary);
  return in.skip();
}

Status decode_all(std::string_view json, Snapshot& snapshot) {
  JsonReader in(json);
  JsonBudget budget(json, kFree);
  TRY(in.object([&](std::string_view key) { return decode_member(in, budget, key, snapshot); }));
  TRY(in.end());
  if (snapshot.tree.is_null()) return fail(ErrorKind::kCorrupt, "it names no tree");
  if (snapshot.time_text.empty()) return fail(ErrorKind::kCorrupt, "it has no time");
  return {};
}

}  // namespace

bool Snapshot::has_tag(std::string_view tag) const {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

std::string encode_snapshot(const Snapshot& snapshot) {
  std::string out;
  JsonObject object(out);
  object.string("time", time_text(snapshot.time, snapshot.time_text));
  if (snapshot.parent) object.id("parent", *snapshot.parent);
  object.id("tree", snapshot.tree);
  object.strings("paths", snapshot.paths);
  object.string_if("hostname", snapshot.hostname);
  object.string_if("username", snapshot.username);
  object.number_if("uid", snapshot.uid);
  object.number_if("gid", snapshot.gid);
  object.strings_if("excludes", snapshot.excludes);
  object.strings_if("tags", snapshot.tags);
  if (snapshot.original) object.id("original", *snapshot.original);
  object.string_if("program_version", snapshot.program_version);
  if (snapshot.summary) object.raw("summary", encode_summary(*snapshot.summary));
  object.close();
  return out;
}

Result<Snapshot> decode_snapshot(std::string_view json, const Id& id) {
  Snapshot snapshot;
  snapshot.id = id;
  if (auto decoded = decode_all(json, snapshot); !decoded) {
    return fail(std::move(decoded).error().within("snapshot " + id.short_hex() + " is damaged"));
  }
  return snapshot;
}

}  // namespace varve::repo
