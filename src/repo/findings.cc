#include "repo/findings.h"

#include <fmt/format.h>

namespace varve::repo {

namespace {

constexpr size_t kMaxAffects = 10;
constexpr size_t kMaxListed = 5;

}  // namespace

Findings::Number Findings::error(std::string what) {
  std::lock_guard lock(mutex_);
  findings_.push_back({Finding::Severity::kError, std::move(what), {}});
  unnamed_.push_back(0);
  return findings_.size() - 1;
}

Findings::Number Findings::hint(std::string what) {
  const Number number = error(std::move(what));
  std::lock_guard lock(mutex_);
  findings_[number].severity = Finding::Severity::kHint;
  return number;
}

void Findings::hint_list(std::string_view what, const std::vector<Id>& ids) {
  if (ids.empty()) return;
  std::string line = fmt::format("{} {} {}:", ids.size(), ids.size() == 1 ? "pack" : "packs", what);
  for (size_t i = 0; i < ids.size() && i < kMaxListed; ++i) line += (i == 0 ? " " : ", ") + ids[i].short_hex();
  if (ids.size() > kMaxListed) line += ", ...";
  hint(std::move(line));
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

void Findings::affects(Number finding, const std::string& path) {
  std::lock_guard lock(mutex_);
  auto& named = findings_[finding].affects;
  if (named.size() < kMaxAffects) {
    if (named.empty() || named.back() != path) named.push_back(path);
  } else {
    ++unnamed_[finding];
  }
}

std::vector<Finding> Findings::take() {
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < findings_.size(); ++i) {
    if (unnamed_[i] != 0) findings_[i].affects.push_back(fmt::format("and {} more", unnamed_[i]));
  }
  return std::move(findings_);
}

}  // namespace varve::repo
