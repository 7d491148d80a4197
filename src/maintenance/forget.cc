#include "maintenance/forget.h"

#include <algorithm>

#include "storage/remove_all.h"

namespace varve::maintenance {

namespace {

Status refuse_empty_policy(const ForgetOptions& options) {
  if (!options.policy.empty()) return {};
  if (!options.remove_all) {
    return fail(Error(ErrorKind::kInvalidInput, "no policy was given, so no snapshot is removed")
                    .hint("--keep-last 7, --keep-daily 30, --keep-within 1y and so on say what is to be kept")
                    .hint("or name the snapshots that are to be removed"));
  }
  if (!options.narrowed) {
    return fail(Error(ErrorKind::kInvalidInput, "--unsafe-allow-remove-all would remove every snapshot there is")
                    .hint("it needs --host, --path or --tag beside it"));
  }
  return {};
}

}  // namespace

Result<std::vector<ForgetGroup>> plan_forget(std::vector<repo::Snapshot> selected, const ForgetOptions& options,
                                             Time now) {
  TRY(refuse_empty_policy(options));
  std::vector<ForgetGroup> plan;
  for (auto& group : group_snapshots(std::move(selected), options.group_by)) {
    auto decision = apply(options.policy, std::move(group.snapshots), now);
    group.snapshots.clear();
    if (decision.keep.empty() && !options.policy.empty()) {
      return fail(Error(ErrorKind::kInvalidInput,
                        "the policy keeps no snapshot of " + describe(group) + ", so none of any group is removed")
                      .hint("to remove them all, name them, or give --unsafe-allow-remove-all and no policy"));
    }
    plan.push_back({std::move(group), std::move(decision)});
  }
  return plan;
}

Result<Forgotten> remove_snapshots(repo::Repository& repository, const std::vector<Id>& snapshots,
                                   const Cancel& cancel) {
  Forgotten result;
  if (snapshots.empty()) return result;
  TRY(repository.confirm_locks(cancel));
  std::vector<storage::Handle> files;
  for (const Id& snapshot : snapshots) files.push_back({storage::FileType::kSnapshot, snapshot});
  const auto note = [&](const storage::Handle& file, const Status& removed) {
    if (removed) {
      result.removed.push_back(file.id);
    } else {
      result.failed.emplace_back(file.id, removed.error());
    }
  };
  TRY(storage::remove_all(repository.storage(), files, note, cancel));
  std::sort(result.removed.begin(), result.removed.end());
  std::sort(result.failed.begin(), result.failed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return result;
}

}  // namespace varve::maintenance
