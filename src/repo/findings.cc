#include "repo/findings.h"

#include <fmt/format.h>

#include "repo/blob_reader.h"

namespace varve::repo {

namespace {

using Severity = Finding::Severity;

constexpr size_t kMaxAffects = 10;
constexpr size_t kMaxListed = 5;

}  // namespace

Findings::Number Findings::add_locked(Severity severity, std::string what, std::string advice) {
  Finding& finding = findings_.emplace_back();
  finding.severity = severity;
  finding.what = std::move(what);
  finding.advice = std::move(advice);
  return findings_.size() - 1;
}

Findings::Number Findings::error(std::string what, std::string advice) {
  std::lock_guard lock(mutex_);
  return add_locked(Severity::kError, std::move(what), std::move(advice));
}

Findings::Number Findings::hint(std::string what, std::string advice) {
  std::lock_guard lock(mutex_);
  return add_locked(Severity::kHint, std::move(what), std::move(advice));
}

void Findings::hint_list(std::string_view what, const std::vector<Id>& ids, std::string advice) {
  if (ids.empty()) return;
  std::string line = fmt::format("{} {} {}:", ids.size(), ids.size() == 1 ? "pack" : "packs", what);
  for (size_t i = 0; i < ids.size() && i < kMaxListed; ++i) line += (i == 0 ? " " : ", ") + ids[i].short_hex();
  if (ids.size() > kMaxListed) line += ", ...";
  hint(std::move(line), std::move(advice));
}

Findings::Number Findings::missing(BlobType type, const Id& blob) {
  std::lock_guard lock(mutex_);
  Missing& missing = missing_[static_cast<size_t>(type)];
  missing.blobs.insert(blob);
  if (!missing.finding) {
    missing.first = blob;
    missing.finding =
        add_locked(Severity::kError, "",
                   "`varve repair index` finds them if a pack still holds them; a new backup stores again "
                   "what its source still has; `varve repair snapshots` makes snapshots without them");
  }
  return *missing.finding;
}

bool Findings::anything_missing() const {
  std::lock_guard lock(mutex_);
  return missing_[0].finding || missing_[1].finding;
}

void Findings::mark_pack(const Id& pack, Number because, uint64_t end) {
  std::lock_guard lock(mutex_);
  packs_.emplace(pack, Cut{because, end});
}

void Findings::mark_place(const Id& pack, uint32_t offset, Number because) {
  std::lock_guard lock(mutex_);
  places_.emplace(std::pair(pack, offset), because);
}

bool Findings::anything_marked() const {
  std::lock_guard lock(mutex_);
  return !packs_.empty() || !places_.empty();
}

std::optional<Findings::Number> Findings::spoilt_place_locked(const BlobLocation& at) const {
  const auto pack = packs_.find(at.pack);
  if (pack != packs_.end() && uint64_t{at.offset} + at.length > pack->second.end) return pack->second.because;
  const auto place = places_.find({at.pack, at.offset});
  if (place != places_.end()) return place->second;
  return std::nullopt;
}

std::optional<Findings::Number> Findings::spoilt_by(const std::vector<BlobLocation>& places) const {
  std::lock_guard lock(mutex_);
  std::optional<Number> because;
  for (const auto& at : places) {
    because = spoilt_place_locked(at);
    if (!because) return std::nullopt;
  }
  return because;
}

bool Findings::names_enough(Number finding) const {
  std::lock_guard lock(mutex_);
  return findings_[finding].affects.size() >= kMaxAffects;
}

void Findings::affects_more(Number finding) {
  std::lock_guard lock(mutex_);
  ++findings_[finding].more_affected;
}

void Findings::affects(Number finding, Affected place) {
  std::lock_guard lock(mutex_);
  auto& named = findings_[finding].affects;
  const bool again = !named.empty() && named.back().path == place.path && named.back().snapshot == place.snapshot;
  if (again) return;
  if (named.size() < kMaxAffects) {
    named.push_back(std::move(place));
  } else {
    ++findings_[finding].more_affected;
  }
}

void Findings::affects(Number finding, std::vector<Id> snapshots) {
  std::lock_guard lock(mutex_);
  findings_[finding].snapshots = std::move(snapshots);
}

std::vector<Finding> Findings::take() {
  std::lock_guard lock(mutex_);
  for (const BlobType type : {BlobType::kData, BlobType::kTree}) {
    const Missing& missing = missing_[static_cast<size_t>(type)];
    if (!missing.finding) continue;
    const std::string first = std::string(type_noun(type)) + " " + missing.first.short_hex();
    findings_[*missing.finding].what = missing.blobs.size() == 1 ? first + " is in no index"
                                                                 : fmt::format("{} is in no index, nor are {} others",
                                                                               first, missing.blobs.size() - 1);
  }
  return std::move(findings_);
}

}  // namespace varve::repo
