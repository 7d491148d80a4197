#include "repo/check.h"

#include <algorithm>

#include "repo/checker.h"
#include "repo/keys.h"
#include "repo/lock_file.h"
#include "repo/unpacked.h"

namespace varve::repo {

using storage::FileType;

uint64_t CheckResult::errors() const {
  return static_cast<uint64_t>(std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity == Finding::Severity::kError;
  }));
}

Status Checker::check_keys_and_locks() {
  auto& storage = repository_.storage();
  TRY_ASSIGN(const auto keys, list_files(storage, FileType::kKey, cancel_));
  for (const auto& file : keys) {
    const auto key = load_key(storage, file.id, file.size, cancel_);
    if (key) continue;
    if (!is_damage(key.error())) return fail(key.error());
    findings_.error("key " + file.id.short_hex() +
                        " cannot be used, nor the password that was to open it: " + key.error().message(),
                    "bring the file back from a copy, or add that password anew and remove the file");
  }
  TRY_ASSIGN(const auto locks, list_files(storage, FileType::kLock, cancel_));
  for (const auto& file : locks) {
    if (file.size == 0) continue;
    const auto json = load_unpacked(repository_, FileType::kLock, file.id, file.size, cancel_);
    if (!json && !is_damage(json.error())) return fail(json.error());
    const auto lock = json ? decode_lock(*json, file.id) : Result<LockFile>(fail(json.error()));
    if (!lock) {
      findings_.hint("lock " + file.id.short_hex() + " keeps others out: " + lock.error().message(),
                     "`varve unlock --remove-all` removes it, if nothing else is at work");
    }
  }
  return {};
}

CheckResult Checker::result() {
  findings_.hint_list("hold trees and data together", mixed_, "`varve prune` separates them");
  findings_.hint_list("stand in several index files alike", repeated_, "`varve repair index` clears that up");
  findings_.hint_list("are in no index, as an interrupted backup leaves them", unindexed_,
                      "`varve prune` removes them; `varve repair index` brings them into the index");
  // What is missed may be in a pack that is in no index.
  const bool may_be_there = findings_.anything_missing() && !unindexed_.empty();
  result_.suggest_repair_index = result_.suggest_repair_index || !repeated_.empty() || may_be_there;
  result_.suggest_prune = !mixed_.empty() || !unindexed_.empty();
  result_.packs = packs_.size();
  result_.unindexed_packs = unindexed_.size();
  result_.blobs = index_.size();
  result_.snapshots = snapshots_.size();
  result_.packs_read = packs_read_;
  result_.bytes_read = bytes_read_;
  name_snapshots();
  result_.findings = findings_.take();
  auto& broken = result_.broken_packs;
  std::sort(broken.begin(), broken.end());
  broken.erase(std::unique(broken.begin(), broken.end()), broken.end());
  return std::move(result_);
}

Result<CheckResult> check(Repository& repository, const CheckOptions& options, const CheckProgress& progress,
                          const Cancel& cancel) {
  Checker checker(repository, options, cancel);
  TRY(checker.check_keys_and_locks());
  TRY(checker.load_snapshots());
  TRY(checker.check_index(progress));
  TRY(checker.check_packs());
  if (options.read_data) TRY(checker.read_packs(progress));
  TRY(checker.check_trees(progress));
  return checker.result();
}

}  // namespace varve::repo
