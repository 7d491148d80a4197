#pragma once

#include <functional>
#include <memory>

#include "repo/testing/small_backup.h"
#include "storage/memory.h"

namespace varve::repo::testing {

/// The files of a repository in memory, copied: what a test of many crashes begins from each time.
std::shared_ptr<storage::MemoryStorage> copy_of(storage::Storage& storage);

struct PowerCutTest {
  /// What is tried: opens what it needs. It must fail where the power is cut, and tell so too where it only leaves
  /// something undone.
  std::function<Status(const std::shared_ptr<storage::Storage>&)> operation;
  /// Which of the earlier snapshots the operation takes away or changes; none if empty.
  std::function<bool(const Snapshot&)> may_vanish;
  /// Called after each cut, once the power is back and what is stored was found whole: a second run, a prune, ...
  std::function<void(const std::shared_ptr<storage::Storage>&)> after;
  /// Opens the repository; by default with kPassword.
  std::function<Result<std::unique_ptr<Repository>>(const std::shared_ptr<storage::Storage>&)> open = open_repository;
  /// What is prepared is damaged already: only `after` judges what a cut leaves.
  bool damaged = false;
};

/// Runs the operation on copies of `prepared` with the power cut before and after each of its writes in turn, which it
/// must not call a success, and once without a cut, which must be one. After every run `check` must find no damage and
/// every earlier snapshot (known again by its own or its original id, whatever new name it has) must read back as
/// before. Gives how many cuts there were.
size_t survive_power_cuts(storage::Storage& prepared, const PowerCutTest& test);

}  // namespace varve::repo::testing
