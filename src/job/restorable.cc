#include "job/restorable.h"

#include <algorithm>

#include <fmt/format.h>

#include "job/backup_reader.h"
#include "job/layout.h"
#include "repo/walk_trees.h"

namespace varve::job {

namespace {

/// Why no moment can start from it; "" if one can.
std::string why_no_base(const collection::Manifest& manifest, const std::optional<OplogArchive>& archive) {
  if (manifest.set_name.empty() || manifest.imported()) return "it is not of a replica set, so no oplog follows it";
  const bool other = archive && set_folder(manifest.set_name) != archive->set_name();
  return other ? "it is of another replica set than the archive" : "";
}

std::string why_partial(const BackupReader& backup, const Cancel& cancel) {
  const auto& manifest = backup.manifest();
  if (!backup.losses(cancel).empty()) return "has lost documents";
  if (!manifest.includes.empty() || !manifest.excludes.empty()) return "is of a part of the source";
  const bool lacks = std::ranges::any_of(manifest.skipped, &collection::Skipped::counts);
  return lacks ? "is incomplete" : "";
}

Status find_bases(repo::Repository& repository, const std::vector<repo::Snapshot>& snapshots, const std::string& source,
                  Restorable& found, const Cancel& cancel) {
  for (const auto& snapshot : snapshots) {
    if (snapshot.paths != std::vector{snapshot_path(source)}) continue;
    TRY(cancel.check());
    const auto backup = BackupReader::open(repository, snapshot, cancel);
    if (!backup && !repo::is_damage(backup.error()) && backup.error().kind() != ErrorKind::kInvalidInput) {
      return fail(backup.error());
    }
    const auto why = backup ? why_no_base(backup->manifest(), found.archive) : backup.error().message();
    if (!why.empty()) {
      found.unusable.push_back({snapshot, why, !backup});
      continue;
    }
    const auto& manifest = backup->manifest();
    found.bases.push_back({snapshot, manifest.t1, manifest.set_id, manifest.consistency, why_partial(*backup, cancel)});
  }
  std::ranges::stable_sort(found.bases, {}, &Base::moment);
  return {};
}

}  // namespace

std::string moment_text(bson::Timestamp moment) {
  const auto second = Time(std::chrono::seconds(moment.seconds));
  if (moment.increment == UINT32_MAX) return "before " + format_utc(second + std::chrono::seconds(1));
  return fmt::format("{} ({})", format_utc(second), moment.text());
}

Result<Restorable> find_restorable(repo::Repository& repository, const std::string& source, const Cancel& cancel) {
  TRY_ASSIGN(const auto snapshots, repository.snapshots(cancel));
  TRY(repository.load_index(cancel));
  Restorable found;
  const std::vector<std::string> archived = {archive_path(source)};
  const auto newest = std::ranges::find(snapshots.rbegin(), snapshots.rend(), archived, &repo::Snapshot::paths);
  if (newest != snapshots.rend()) {
    TRY_ASSIGN(auto archive, OplogArchive::open(repository, *newest, cancel));
    TRY_ASSIGN(found.spans, archive.spans(cancel));
    TRY_ASSIGN(const auto last, archive.last_slice(cancel));
    if (last) {
      TRY_ASSIGN(found.newest, archive.info(*last, cancel));
    }
    found.archive.emplace(std::move(archive));
  }
  TRY(find_bases(repository, snapshots, source, found, cancel));
  return found;
}

bool Base::is_in(const OplogSpan& span) const {
  const bool other_set = !set_id.empty() && !span.set_id.empty() && set_id != span.set_id;
  return !other_set && span.from <= moment && moment <= span.to;
}

std::vector<Restorable::Range> Restorable::ranges() const {
  std::vector<Range> all;
  for (const auto& base : bases) {
    Range range{base.moment, base.moment};
    for (const auto& span : spans) {
      if (base.is_in(span)) range.to = span.to;
    }
    if (!all.empty() && range.from <= all.back().to) {
      all.back().to = std::max(all.back().to, range.to);
    } else {
      all.push_back(range);
    }
  }
  return all;
}

namespace {

bool reaches(const Restorable& restorable, const Base& base, bson::Timestamp until) {
  if (until <= base.moment) return until == base.moment;
  return std::ranges::any_of(restorable.spans,
                             [&](const OplogSpan& span) { return base.is_in(span) && until <= span.to; });
}

/// The newest base that reaches it, a whole one if there is any.
const Base* find_base(const Restorable& restorable, bson::Timestamp until) {
  const Base* found = nullptr;
  for (const auto& base : restorable.bases) {  // by their moments
    if (reaches(restorable, base, until) && (base.partial.empty() || !found || !found->partial.empty())) found = &base;
  }
  return found;
}

Result<ChosenMoment> from_base(const Restorable& restorable, const Base& base, bson::Timestamp until,
                               const Cancel& cancel) {
  auto later = std::make_shared<LaterOplog>(LaterOplog{.until = until, .archive = {}, .bytes = 0, .slices = 0});
  const auto add = [&](const StoredSlice& slice) -> Result<bool> {
    if (slice.span.after >= until) return false;
    later->bytes += slice.data.size;
    ++later->slices;
    return slice.span.last < until;
  };
  if (std::ranges::any_of(restorable.spans, [&](const OplogSpan& span) { return base.is_in(span); })) {
    later->archive = restorable.archive;
    TRY(later->archive->each_slice(base.moment, add, cancel));
  }
  return ChosenMoment{base, std::move(later)};
}

Error out_of_reach(const Restorable& restorable, const std::string& source, bson::Timestamp until) {
  Error error(ErrorKind::kInvalidInput,
              fmt::format("source '{}' cannot be brought back as it was {}", source, moment_text(until)));
  const auto ranges = restorable.ranges();
  const auto after = std::ranges::upper_bound(ranges, until, {}, &Restorable::Range::from);
  if (ranges.empty()) {
    error.hint("there is no backup of a replica set of that name; `varve snapshots` shows what there is");
  }
  if (after != ranges.begin()) error.hint("the nearest moment before it is " + moment_text(std::prev(after)->to));
  if (after != ranges.end()) error.hint("the nearest moment after it is " + moment_text(after->from));
  error.hint(fmt::format("`varve window --source {}` shows all that can be had", source));
  return error;
}

}  // namespace

Result<ChosenMoment> choose_moment(const Restorable& restorable, const std::string& source, bson::Timestamp until,
                                   const Cancel& cancel) {
  const Base* base = find_base(restorable, until);
  if (base == nullptr) return fail(out_of_reach(restorable, source, until));
  return from_base(restorable, *base, until, cancel);
}

Result<std::pair<ChosenMoment, ChosenMoment>> choose_moments(const Restorable& restorable, const std::string& source,
                                                             bson::Timestamp first, bson::Timestamp second,
                                                             const Cancel& cancel) {
  const Base* base = find_base(restorable, std::min(first, second));
  const bool reaches_both = base != nullptr && reaches(restorable, *base, std::max(first, second));
  const auto choose = [&](bson::Timestamp until) {
    return reaches_both ? from_base(restorable, *base, until, cancel)
                        : choose_moment(restorable, source, until, cancel);
  };
  TRY_ASSIGN(auto one, choose(first));
  TRY_ASSIGN(auto other, choose(second));
  return std::pair(std::move(one), std::move(other));
}

}  // namespace varve::job
