#include "cli/diff_moments.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "bson/field_changes.h"
#include "bson/json.h"
#include "cli/format.h"
#include "cli/point_in_time.h"
#include "job/diff_moments.h"

namespace varve::cli {

namespace {

using Json = nlohmann::ordered_json;

Json parsed(const std::string& json) {
  return Json::parse(json, nullptr, false);
}

std::string id_of(ByteView document) {
  const auto id = bson::View(document).find("_id");
  return id ? bson::to_json(*id, bson::JsonMode::kRelaxed) : "null";
}

std::string whole(ByteView document) {
  return bson::to_json(bson::View(document), bson::JsonMode::kRelaxed);
}

/// One a change: an object, or lines for people.
class Printer {
 public:
  explicit Printer(Output& output) : output_(output) {}

  Status catalog(const bson::Namespace& ns, const std::string& what) {
    if (output_.json()) return object(ns, "catalog", {{"what", what}});
    head(ns);
    output_.row("  " + what);
    return {};
  }

  Status document(const bson::Namespace& ns, ByteView before, ByteView after) {
    if (output_.json()) return document_object(ns, before, after);
    head(ns);
    if (before.empty()) output_.row("  + " + whole(after));
    if (after.empty()) output_.row("  - " + whole(before));
    if (before.empty() || after.empty()) return {};
    output_.row("  ~ _id " + id_of(after));
    for (const auto& change : bson::field_changes(bson::View(before), bson::View(after))) {
      const auto path = change.path.empty() ? "the whole" : change.path;
      if (!change.before) output_.row(fmt::format("      {}: new, {}", path, *change.after));
      if (!change.after) output_.row(fmt::format("      {}: gone, was {}", path, *change.before));
      if (change.before && change.after)
        output_.row(fmt::format("      {}: {} -> {}", path, *change.before, *change.after));
    }
    return {};
  }

 private:
  void head(const bson::Namespace& ns) {
    if (ns != last_) output_.row(ns.text());
    last_ = ns;
  }

  Status object(const bson::Namespace& ns, const std::string& change, const Json& more) {
    Json object = {{"message_type", "change"}, {"change", change}, {"db", ns.db}, {"collection", ns.collection}};
    object.update(more);
    output_.object(object);
    return {};
  }

  Status document_object(const bson::Namespace& ns, ByteView before, ByteView after) {
    const auto id = parsed(id_of(after.empty() ? before : after));
    if (before.empty()) return object(ns, "added", {{"_id", id}, {"after", parsed(whole(after))}});
    if (after.empty()) return object(ns, "removed", {{"_id", id}, {"before", parsed(whole(before))}});
    auto fields = Json::array();
    for (const auto& change : bson::field_changes(bson::View(before), bson::View(after))) {
      Json field = {{"path", change.path}};
      if (change.before) field["before"] = parsed(*change.before);
      if (change.after) field["after"] = parsed(*change.after);
      fields.push_back(std::move(field));
    }
    return object(ns, "changed", {{"_id", id}, {"fields", std::move(fields)}});
  }

  Output& output_;
  bson::Namespace last_;
};

int tell_summary(Output& output, const std::pair<job::ChosenMoment, job::ChosenMoment>& chosen,
                 const job::DiffMomentsResult& result) {
  const int code = result.missing.empty() ? kOk : kIncomplete;
  output.line(fmt::format("{} added, {} removed, {} changed, in {}", format_count(result.added),
                          format_count(result.removed), format_count(result.changed),
                          plural(result.collections, "collection")));
  for (const auto& missing : result.missing) output.line("  incomplete: " + missing);
  output.object({{"message_type", "summary"},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", result.missing},
                 {"snapshot_id", chosen.first.base.snapshot.id.hex()},
                 {"before", chosen.first.later->until.text()},
                 {"after", chosen.second.later->until.text()},
                 {"collections", result.collections},
                 {"added", result.added},
                 {"removed", result.removed},
                 {"changed", result.changed}});
  return code;
}

}  // namespace

void add_moments_options(Command& command, MomentsWords& words) {
  command.add_option("--source", words.source, "the source whose moments are compared")->type_name("NAME");
  command.add_option("--at", words.at, "twice: from when, and to when, as `restore --at` takes it")->type_name("TIME");
  add_filter_options(command, words.filter);
  add_merge_options(command, words.memory);
}

Result<int> diff_moments(Context& context, const MomentsWords& words) {
  if (words.source.empty() || words.at.size() != 2) {
    return fail(Error(ErrorKind::kInvalidInput, "two moments of a source are compared")
                    .hint("--source NAME --at TIME --at TIME"));
  }
  job::DiffMomentsOptions options;
  TRY_ASSIGN(options.filter, bson::NamespaceFilter::make(words.filter.includes, words.filter.excludes));
  TRY_ASSIGN(const auto memory, merge_options(words.memory));
  const auto now = system_clock().now();
  TRY_ASSIGN(const auto first, parse_point_in_time(words.at[0], now));
  TRY_ASSIGN(const auto second, parse_point_in_time(words.at[1], now));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto restorable, job::find_restorable(*repository, words.source, repository.cancel));
  TRY_ASSIGN(const auto chosen, job::choose_moments(restorable, words.source, first, second, repository.cancel));
  auto& output = context.output();
  for (const auto* moment : {&chosen.first, &chosen.second}) tell_base(*moment, output);
  TRY_ASSIGN(const auto one, job::BackupReader::open(*repository, chosen.first.base.snapshot, repository.cancel));
  TRY_ASSIGN(const auto other, job::BackupReader::open(*repository, chosen.second.base.snapshot, repository.cancel));
  if (one.manifest().includes != other.manifest().includes || one.manifest().excludes != other.manifest().excludes) {
    return fail(Error(ErrorKind::kInvalidInput, "the two moments come from backups of different parts of the source")
                    .hint("`varve window --source " + words.source + "` shows which are partial"));
  }
  const bool same = chosen.first.base.snapshot.id == chosen.second.base.snapshot.id;
  job::MomentSide before{&one, memory}, after{same ? &one : &other, memory};
  before.merge.later = chosen.first.later;
  after.merge.later = chosen.second.later;
  Printer printer(output);
  const job::DiffMomentsListener listener{
      [&](const bson::Namespace& ns, const std::string& what) { return printer.catalog(ns, what); },
      [&](const bson::Namespace& ns, ByteView old, ByteView anew) { return printer.document(ns, old, anew); }};
  TRY_ASSIGN(const auto result, job::diff_moments(before, after, options, listener, repository.cancel));
  return tell_summary(output, chosen, result);
}

}  // namespace varve::cli
