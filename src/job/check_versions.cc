#include "job/check_versions.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "job/version_rules.h"

namespace varve::job {

namespace {

constexpr size_t kShown = 20;

void append(const std::vector<std::string>& sentences, std::vector<std::string>& to) {
  to.insert(to.end(), sentences.begin(), sentences.end());
}

Error mismatch_error(const RestorePlan& plan, const collection::Manifest& manifest,
                     const std::vector<std::string>& refused) {
  Error error(ErrorKind::kUnsupported,
              fmt::format("the backup is of {} and {} is {}; nothing was written", server_name(manifest.server_version),
                          plan.target.host, plan.target.name()));
  for (size_t i = 0; i < refused.size() && i < kShown; ++i) error.hint(refused[i]);
  if (refused.size() > kShown) error.hint(std::to_string(refused.size() - kShown) + " more");
  return std::move(error).hint(
      "--allow-version-mismatch restores without what is named here, --ns-exclude leaves whole "
      "collections out");
}

/// What a server of an older feature compatibility version wrote is known to newer ones; not the other way. A dump
/// tells its server's version only, which may have been set to an older one.
std::vector<std::string> newer_features(const RestorePlan& plan, const collection::Manifest& manifest) {
  const bool told = !manifest.fcv.empty();
  const auto& text = told ? manifest.fcv : manifest.server_version;
  auto backup = version_numbers(text);
  if (backup.size() > 2) backup.resize(2);
  const auto target = version_numbers(plan.target.fcv);
  if (backup.empty() || target.empty() || backup <= target) return {};
  if (!told) {
    return {fmt::format("the dump is of MongoDB {}, and the target's feature compatibility version is {}", text,
                        plan.target.fcv)};
  }
  return {fmt::format("the backup's feature compatibility version is {}, and the target's {}", text, plan.target.fcv)};
}

}  // namespace

Status check_versions(mongo::Connection& connection, const BackupMoment& moment, const RestoreOptions& options,
                      RestorePlan& plan, const Cancel& cancel) {
  const auto& manifest = moment.backup().manifest();
  const Versions versions{version_numbers(manifest.server_version), plan.target.version_array, plan.target.version};
  std::vector<std::string> refused;
  std::set<bson::Namespace> left_out;
  for (auto& item : plan.items) {
    if (item.name != bson::logical(item.name)) continue;  // goes the way of its time-series
    auto entry = *item.entry;
    if (!options.indexes) entry.indexes.clear();
    auto translated = translate(entry, item.options, item.name.text(), versions);
    if (translated.taken && item.entry->type == "view" && versions.to < versions.from) {
      TRY_ASSIGN(const auto why, mongo::why_no_view(connection, item.name.db, item.options, cancel));
      if (!why.empty()) translated.refused.push_back(item.name.text() + ": this view is refused: " + why);
      translated.taken = why.empty();
    }
    if (!translated.taken) left_out.insert(item.name);
    append(translated.refused, refused);
    append(translated.changed, plan.remarks);
    item.options = std::move(translated.options);
    if (options.indexes) item.indexes = std::move(translated.indexes);
  }
  const auto newer = newer_features(plan, manifest);
  if (!options.allow_version_mismatch && !(refused.empty() && newer.empty())) {
    auto all = newer;
    append(refused, all);
    return fail(mismatch_error(plan, manifest, all));
  }
  append(newer, plan.remarks);
  for (const auto& what : refused) plan.shortfalls.push_back("left out: " + what);
  std::erase_if(plan.items, [&](const auto& item) {
    if (!left_out.contains(bson::logical(item.name))) return false;
    plan.documents -= item.entry->as_read.documents;
    plan.bytes -= item.entry->as_read.bytes;
    return true;
  });
  return {};
}

collection::CollectionEntry in_words_of(const mongo::ServerVersion& server, const collection::Manifest& manifest,
                                        collection::CollectionEntry entry, const std::string& name,
                                        std::vector<std::string>& remarks) {
  const Versions versions{version_numbers(manifest.server_version), server.numbers, server.text};
  auto part = entry;  // each part for itself: what cannot be taken of one says nothing about the others
  for (auto& index : entry.indexes) {
    part.indexes = {index};
    auto said = translate(part, bson::View(), name, versions);
    if (!said.taken || said.indexes.empty()) continue;
    index = std::move(said.indexes.front());
    append(said.changed, remarks);
  }
  part.indexes.clear();
  auto said = translate(part, entry.options, name, versions);
  if (!said.refused.empty()) return entry;
  entry.options = std::move(said.options);
  append(said.changed, remarks);
  return entry;
}

}  // namespace varve::job
