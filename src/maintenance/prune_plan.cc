#include "maintenance/prune_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "maintenance/pack_facts.h"

namespace varve::maintenance {

namespace {

constexpr uint64_t kMinPack = 4u << 20;
constexpr size_t kEnoughSmallPacks = 10;  // fewer are not worth it, and one could be joined with nothing for ever

enum class Fate : uint8_t { kKeep, kRepack, kRemove, kForget };

/// Decides what becomes of each pack.
class Planner {
 public:
  Planner(const repo::IndexRows& rows, const PruneOptions& options, PackSurvey& survey, PruneStats& stats)
      : rows_(rows), options_(options), survey_(survey), packs_(survey.packs()), stats_(stats), fates_(packs_.size()) {}

  Status run() {
    TRY(refuse_damage());
    small_ = small_size();
    for (uint32_t i = 0; i < packs_.size(); ++i) sort_in(i);
    if (small_candidates_.size() >= kEnoughSmallPacks) {
      candidates_.insert(candidates_.end(), small_candidates_.begin(), small_candidates_.end());
    }
    choose_repacked();
    for (const auto& file : survey_.unindexed()) {
      ++stats_.packs.unreferenced;
      stats_.bytes.unreferenced += file.size;
    }
    sum_up();
    return {};
  }

  Fate fate(uint32_t pack) const { return fates_[pack]; }
  const std::vector<uint32_t>& repacked() const { return repacked_; }

 private:
  /// A pack that is needed must be there as the index says, or nothing is touched.
  Status refuse_damage() const {
    std::vector<std::string> problems;
    for (size_t i = 0; i < packs_.size(); ++i) {
      const PackFacts& pack = packs_[i];
      if (pack.used == 0 || pack.is_sound()) continue;
      problems.push_back(
          fmt::format("pack {} ", rows_.packs()[i].short_hex()) +
          (pack.present ? fmt::format("has {} bytes, not the {} that the index implies", pack.real_size, pack.size())
                        : "is missing"));
    }
    if (problems.empty()) return {};
    Error error(ErrorKind::kCorrupt, "snapshots need packs that are damaged, so nothing was removed: " + problems[0]);
    for (size_t i = 1; i < problems.size() && i < 5; ++i) error.hint(problems[i]);
    if (problems.size() > 5) error.hint(fmt::format("and {} more", problems.size() - 5));
    return fail(
        std::move(error)
            .hint("`varve check` tells which snapshots are affected")
            .hint("`varve repair packs` saves what can be read of a pack, `varve repair index` corrects what the "
                  "index says of it"));
  }

  /// Packs are small below four fifths of the smallest but a few, or of 4 MiB.
  uint64_t small_size() const {
    if (options_.small_pack > 0) return options_.small_pack;
    if (packs_.empty()) return 0;
    std::vector<uint64_t> sizes;
    for (const PackFacts& pack : packs_) sizes.push_back(pack.size());
    const auto nth = sizes.begin() + static_cast<ptrdiff_t>(sizes.size() * 3 / 100);
    std::nth_element(sizes.begin(), nth, sizes.end());
    return std::max(kMinPack, *nth) * 4 / 5;
  }

  void sort_in(uint32_t number) {
    const PackFacts& pack = packs_[number];
    if (pack.uncompressed && pack.present) stats_.bytes.uncompressed += pack.size();
    if (pack.used == 0) {
      fates_[number] = pack.present ? Fate::kRemove : Fate::kForget;
      if (pack.present) ++stats_.packs.unused;
      if (pack.present) ++stats_.packs.remove;
      stats_.blobs.remove += pack.unused;
      stats_.bytes.remove += pack.unused_bytes;
      return;
    }
    ++(pack.unused == 0 ? stats_.packs.used : stats_.packs.partly_used);
    fates_[number] = Fate::kKeep;
    if (options_.repack_cacheable_only && !pack.has_trees) return;
    if (pack.unused > 0 || pack.rewrite) {
      candidates_.push_back(number);
    } else if (pack.size() < small_) {
      small_candidates_.push_back(number);
    }
  }

  /// First packs with trees, which every command reads, then small ones, then those of which most is unused.
  bool comes_before(const PackFacts& a, const PackFacts& b) const {
    if (a.has_trees != b.has_trees) return a.has_trees;
    const bool a_small = a.size() < small_;
    const bool b_small = b.size() < small_;
    if (a_small != b_small) return a_small;
    return a.unused_bytes * b.used_bytes > b.unused_bytes * a.used_bytes;
  }

  void choose_repacked() {
    std::sort(candidates_.begin(), candidates_.end(), [&](uint32_t a, uint32_t b) {
      if (comes_before(packs_[a], packs_[b])) return true;
      if (comes_before(packs_[b], packs_[a])) return false;
      return rows_.packs()[a] < rows_.packs()[b];
    });
    const uint64_t tolerated = options_.max_unused.beside(stats_.bytes.used);
    for (const uint32_t number : candidates_) {
      const PackFacts& pack = packs_[number];
      if (stats_.bytes.repack + pack.size() >= options_.max_repack_size) continue;
      const bool must = pack.has_trees || pack.rewrite;
      if (must || pack.size() < small_ || remaining_unused() >= tolerated) repack(number);
    }
  }

  uint64_t remaining_unused() const {
    return stats_.bytes.duplicate + stats_.bytes.unused - stats_.bytes.remove - stats_.bytes.repack_remove;
  }

  void repack(uint32_t number) {
    const PackFacts& pack = packs_[number];
    fates_[number] = Fate::kRepack;
    repacked_.push_back(number);
    stats_.blobs.repack += pack.used + pack.unused;
    stats_.bytes.repack += pack.size();
    stats_.blobs.repack_remove += pack.unused;
    stats_.bytes.repack_remove += pack.unused_bytes;
    if (pack.uncompressed) stats_.bytes.uncompressed -= pack.size();
  }

  void sum_up() {
    auto& [blobs, bytes, packs] = stats_;
    blobs.total = blobs.used + blobs.unused + blobs.duplicate;
    blobs.remove_total = blobs.remove + blobs.repack_remove;
    blobs.remaining = blobs.total - blobs.remove_total;
    bytes.total = bytes.used + bytes.duplicate + bytes.unused + bytes.unreferenced;
    bytes.remove_total = bytes.remove + bytes.repack_remove + bytes.unreferenced;
    bytes.remaining = bytes.total - bytes.remove_total;
    bytes.remaining_unused = remaining_unused();
    packs.total = packs.used + packs.partly_used + packs.unused + packs.unreferenced;
    packs.repack = repacked_.size();
    packs.keep = packs.used + packs.partly_used - packs.repack;
    packs.remove_total = packs.unreferenced + packs.remove;
  }

  const repo::IndexRows& rows_;
  const PruneOptions& options_;
  PackSurvey& survey_;
  const std::vector<PackFacts>& packs_;
  PruneStats& stats_;
  std::vector<Fate> fates_;
  std::vector<uint32_t> candidates_, small_candidates_, repacked_;
  uint64_t small_ = 0;
};

/// The kept rows of the packs to be repacked: pack by pack, by offset within one.
std::vector<uint32_t> rows_to_copy(const repo::IndexRows& rows, const PackSurvey& survey, const Planner& planner) {
  std::vector<uint32_t> position(rows.packs().size());
  for (uint32_t i = 0; i < planner.repacked().size(); ++i) position[planner.repacked()[i]] = i;
  const auto is_copied = [&](size_t row, uint32_t pack) {
    return survey.is_kept(row) && planner.fate(pack) == Fate::kRepack;
  };
  std::vector<uint32_t> end(planner.repacked().size() + 1);
  rows.for_each([&](size_t i, const auto& row) {
    if (is_copied(i, row.pack)) ++end[position[row.pack] + 1];
  });
  for (size_t i = 1; i < end.size(); ++i) end[i] += end[i - 1];
  std::vector<uint32_t> next = end;
  std::vector<uint32_t> sorted(end.back());
  rows.for_each([&](size_t i, const auto& row) {
    if (is_copied(i, row.pack)) sorted[next[position[row.pack]]++] = static_cast<uint32_t>(i);
  });
  for (size_t i = 0; i + 1 < end.size(); ++i) {
    std::sort(sorted.begin() + end[i], sorted.begin() + end[i + 1],
              [&](uint32_t a, uint32_t b) { return rows[a].offset < rows[b].offset; });
  }
  return sorted;
}

}  // namespace

Result<PrunePlan> plan_prune(repo::Repository& repository, const repo::IndexRows& rows, std::vector<uint8_t> used,
                             const PruneOptions& options, const Cancel& cancel) {
  if (rows.size() > std::numeric_limits<uint32_t>::max()) {
    return fail(ErrorKind::kUnsupported, "an index of more than four thousand million blobs cannot be pruned");
  }
  PrunePlan plan;
  PackSurvey survey(rows, std::move(used));
  TRY(survey.run(repository, options, plan.stats, cancel));
  Planner planner(rows, options, survey, plan.stats);
  TRY(planner.run());
  if (repository.config().version == 1) plan.stats.bytes.uncompressed = 0;

  survey.prefer([&](uint32_t pack) { return planner.fate(pack) == Fate::kKeep && survey.packs()[pack].is_sound(); });
  plan.to_copy = rows_to_copy(rows, survey, planner);
  for (uint32_t i = 0; i < rows.packs().size(); ++i) {
    const Fate fate = planner.fate(i);
    if (fate == Fate::kRemove || fate == Fate::kRepack) plan.remove.push_back(rows.packs()[i]);
    if (fate == Fate::kForget) plan.missing.push_back(rows.packs()[i]);
  }
  for (const auto& file : survey.unindexed()) plan.unindexed.push_back(file.id);
  return plan;
}

}  // namespace varve::maintenance
