#include "maintenance/prune.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <unordered_set>

#include "base/parallel.h"
#include "base/parse.h"
#include "maintenance/index_replacement.h"
#include "maintenance/prune_plan.h"
#include "maintenance/read_back.h"
#include "maintenance/used_blobs.h"
#include "repo/pack.h"
#include "repo/read_blobs.h"
#include "repo/unpacked.h"
#include "storage/remove_all.h"

namespace varve::maintenance {

namespace {

using storage::FileType;

constexpr size_t kBlobsAtOnce = 1u << 16;  // listed for reading; bounds the memory

/// Carries out a plan.
class Pruning {
 public:
  Pruning(repo::Repository& repository, const repo::IndexRows& rows, const PruneOptions& options, Reporter& reporter,
          const Cancel& cancel)
      : repository_(repository), rows_(rows), options_(options), reporter_(reporter), cancel_(cancel) {}

  /// The order is what makes it safe to be interrupted.
  Status run(PrunePlan& plan) {
    TRY(remove_packs(plan.unindexed, "removing packs that no index names"));
    TRY(copy_blobs(plan));
    std::vector<Id> gone = plan.remove;
    gone.insert(gone.end(), plan.missing.begin(), plan.missing.end());
    TRY(take_out_of_index(gone));
    return remove_packs(plan.remove, "removing packs");
  }

  std::vector<std::string> take_left() { return std::move(left_); }

 private:
  /// What cannot be removed is garbage that harms nobody.
  Status remove_packs(const std::vector<Id>& packs, std::string_view doing) {
    if (packs.empty()) return {};
    TRY(repository_.confirm_locks(cancel_));
    std::vector<storage::Handle> files;
    for (const Id& pack : packs) files.push_back({FileType::kPack, pack});
    uint64_t done = 0;
    const auto tell = [&](const storage::Handle& file, const Status& removed) {
      if (!removed) left_.push_back("pack " + file.id.short_hex() + ": " + removed.error().message());
      reporter_.progress({.action = "prune", .item = std::string(doing), .items = ++done, .items_total = packs.size()});
    };
    return storage::remove_all(repository_.storage(), files, tell, cancel_);
  }

  Status copy_blobs(const PrunePlan& plan) {
    if (plan.to_copy.empty()) return {};
    for (const uint32_t row : plan.to_copy) bytes_to_copy_ += rows_[row].length;
    auto writing = options_.writer;
    writing.tell_index = false;  // the rows must stay valid
    writing.read_back = true;    // the old packs go for the new ones
    repo::Writer writer(repository_, writing, cancel_);
    const auto copy = [&](const repo::PackedBlob& blob, ByteView unit, Result<Bytes> plain) {
      return copy_blob(writer, blob, unit, std::move(plain));
    };
    std::vector<repo::PackedBlob> wanted;
    for (size_t begin = 0; begin < plan.to_copy.size(); begin += kBlobsAtOnce) {
      const size_t end = std::min(plan.to_copy.size(), begin + kBlobsAtOnce);
      wanted.clear();
      for (size_t i = begin; i < end; ++i) wanted.push_back(rows_.blob(plan.to_copy[i]));
      TRY(repo::read_units(repository_, wanted, copy, cancel_));
    }
    TRY(writer.finish());
    const auto stats = writer.stats();
    if (stats.data_blobs_new + stats.tree_blobs_new != plan.to_copy.size()) {
      return fail(ErrorKind::kInternal, "not every blob was copied, so no pack that is in use was removed");
    }
    return read_back_index(repository_, writer.index_files(), cancel_);
  }

  Status copy_blob(repo::Writer& writer, const repo::PackedBlob& blob, ByteView unit, Result<Bytes> plain) {
    if (!plain) {
      return fail(std::move(plain)
                      .error()
                      .within("a pack cannot be written anew, so nothing that is in use was removed")
                      .hint("`varve check --read-data` tells what is affected, `varve repair packs` saves the rest"));
    }
    const auto plain_length = blob.location.plain_length;
    if (unit.empty() || must_compress(repository_.config(), options_, blob.type, plain_length)) {
      TRY(writer.save_again(blob.type, std::move(*plain)));
    } else {
      TRY(writer.save_sealed(blob.type, blob.id, unit, plain_length));
    }
    reporter_.progress({.action = "prune",
                        .item = "copying what stays",
                        .bytes = bytes_copied_ += blob.location.length,
                        .bytes_total = bytes_to_copy_});
    return {};
  }

  /// Rewrites the index files that name one of these packs. What else they say is written anew unless a file that stays
  /// says the same.
  Status take_out_of_index(std::vector<Id> gone) {
    if (gone.empty()) return {};
    std::sort(gone.begin(), gone.end());
    const auto is_gone = [&](const Id& pack) { return std::binary_search(gone.begin(), gone.end(), pack); };
    TRY_ASSIGN(const auto files, repo::list_files(repository_.storage(), FileType::kIndex, cancel_));
    std::vector<Id> outdated;
    std::set<std::pair<Id, Id>> listed;  // packs and what is said of them
    const auto look = [&](size_t i, const Cancel& inner) -> Status {
      TRY_ASSIGN(const auto packs, read_index_file(repository_, files[i].id, inner));
      std::lock_guard lock(mutex_);
      if (std::any_of(packs.begin(), packs.end(), [&](const auto& pack) { return is_gone(pack.pack); })) {
        outdated.push_back(files[i].id);
      } else {
        for (const auto& pack : packs) listed.emplace(pack.pack, repo::digest_of(pack.blobs));
      }
      return {};
    };
    TRY(parallel_for(files.size(), connections(), cancel_, look));

    IndexReplacement replacement(repository_);
    const auto stays = [&](const repo::IndexedPack& pack) {
      return !is_gone(pack.pack) && listed.emplace(pack.pack, repo::digest_of(pack.blobs)).second;
    };
    for (size_t i = 0; i < outdated.size(); ++i) {
      TRY(replacement.rewrite(outdated[i], stays, cancel_));
      reporter_.progress(
          {.action = "prune", .item = "rewriting the index", .items = i + 1, .items_total = outdated.size()});
    }
    return replacement.finish(cancel_);
  }

  unsigned connections() const { return std::max(1u, repository_.storage().connections()); }

  repo::Repository& repository_;
  const repo::IndexRows& rows_;
  const PruneOptions& options_;
  Reporter& reporter_;
  const Cancel& cancel_;
  std::mutex mutex_;
  std::vector<std::string> left_;
  uint64_t bytes_to_copy_ = 0;
  std::atomic<uint64_t> bytes_copied_ = 0;
};

std::vector<Id> sorted_ids(const auto& files) {
  std::vector<Id> ids;
  for (const auto& file : files) ids.push_back(file.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

/// What a plan was made of.
struct Basis {
  std::vector<Id> snapshots, index;
};

/// To a storage that once left out a snapshot, or an index file, what that needs would be garbage.
Status expect_same(repo::Repository& repository, const Basis& basis, const Cancel& cancel) {
  for (const auto& [type, planned] :
       {std::pair(FileType::kSnapshot, &basis.snapshots), {FileType::kIndex, &basis.index}}) {
    TRY_ASSIGN(const auto files, repo::list_files(repository.storage(), type, cancel));
    if (sorted_ids(files) == *planned) continue;
    return fail(
        Error(ErrorKind::kUnavailable, repository.storage().location() + " lists another set of files of type " +
                                           std::string(repo::type_noun(type)) +
                                           " than it did before, so nothing was removed")
            .hint("run it again when nobody else is at work on the repository")
            .hint("a storage that does so again loses files or forgets to list them: `varve check` tells more"));
  }
  return {};
}

/// The trees of all snapshots but those that are to go.
std::vector<Id> roots_of(const std::vector<repo::Snapshot>& snapshots, const std::vector<Id>& without) {
  const std::unordered_set<Id> left_out(without.begin(), without.end());
  std::vector<Id> roots;
  for (const auto& snapshot : snapshots) {
    if (!left_out.contains(snapshot.id)) roots.push_back(snapshot.tree);
  }
  return roots;
}

}  // namespace

uint64_t MaxUnused::beside(uint64_t used) const {
  switch (kind) {
    case Kind::kPercent:
      return static_cast<uint64_t>(percent / (100 - percent) * static_cast<double>(used));
    case Kind::kBytes:
      return bytes;
    case Kind::kUnlimited:
      break;
  }
  return std::numeric_limits<uint64_t>::max();
}

Result<MaxUnused> parse_max_unused(std::string_view text) {
  using Kind = MaxUnused::Kind;
  if (text == "unlimited") return MaxUnused{.kind = Kind::kUnlimited};
  if (text.ends_with('%')) {
    const auto percent = parse_number<double>(text.substr(0, text.size() - 1));
    if (percent && *percent >= 0 && *percent < 100) return MaxUnused{.percent = *percent};
  } else if (const auto bytes = parse_size(text)) {
    return MaxUnused{.kind = Kind::kBytes, .bytes = *bytes};
  }
  return fail(Error(ErrorKind::kInvalidInput, "\"" + std::string(text) + "\" is no limit for unused data")
                  .hint("5%, 200M or unlimited; a percentage is at least 0 and below 100"));
}

Result<PruneResult> prune(repo::Repository& repository, const PruneOptions& options, Reporter& reporter,
                          const Cancel& cancel) {
  TRY_ASSIGN(const auto snapshots, repository.snapshots(cancel));
  const auto roots = roots_of(snapshots, options.without);
  TRY_ASSIGN(const auto index, repo::list_files(repository.storage(), FileType::kIndex, cancel));
  TRY(repository.load_index(cancel));
  const repo::IndexRows rows(repository.index());
  TRY_ASSIGN(auto used, mark_used(repository, rows, roots, reporter, cancel));
  TRY_ASSIGN(auto plan, plan_prune(repository, rows, std::move(used), options, cancel));
  PruneResult result{plan.stats, roots.size(), plan.missing, {}};
  if (options.dry_run) return result;
  TRY(expect_same(repository, {sorted_ids(snapshots), sorted_ids(index)}, cancel));
  Pruning pruning(repository, rows, options, reporter, cancel);
  TRY(pruning.run(plan));
  result.left = pruning.take_left();
  return result;
}

}  // namespace varve::maintenance
