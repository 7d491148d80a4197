#include "repo/testing/power_cuts.h"

#include <gtest/gtest.h>

#include "repo/check.h"
#include "storage/fault.h"

namespace varve::repo::testing {

namespace {

using storage::FaultStorage;
using storage::FileInfo;
using storage::FileType;

constexpr FileType kListed[] = {FileType::kKey, FileType::kLock, FileType::kSnapshot, FileType::kIndex,
                                FileType::kPack};

Status copy_file(storage::Storage& from, storage::Storage& to, const storage::Handle& handle) {
  TRY_ASSIGN(const auto bytes, from.get(handle, 0, 0, Cancel()));
  const ByteView pieces[] = {bytes};
  return to.put(handle, pieces, Cancel());
}

Status copy_all(storage::Storage& from, storage::Storage& to) {
  TRY(to.create(Cancel()));
  for (const FileType type : kListed) {
    TRY(from.list(
        type,
        [&](const FileInfo& file) {
          return copy_file(from, to, {type, file.id});
        },
        Cancel()));
  }
  return copy_file(from, to, {});
}

/// Every snapshot's content, by the id that it first had.
using History = std::map<Id, Files>;

Result<History> history_of(Repository& repository, const std::function<bool(const Snapshot&)>& leave_out) {
  History history;
  TRY_ASSIGN(const auto snapshots, repository.snapshots(Cancel()));
  for (const auto& snapshot : snapshots) {
    if (leave_out && leave_out(snapshot)) continue;
    TRY_ASSIGN(history[snapshot.original.value_or(snapshot.id)], read_back(repository, snapshot.id));
  }
  return history;
}

void expect_whole(Repository& repository) {
  const auto checked = check(repository, {.read_data = true}, {}, Cancel());
  ASSERT_TRUE(checked) << checked.error().message();
  for (const auto& finding : checked->findings) {
    EXPECT_NE(finding.severity, Finding::Severity::kError) << finding.what;
  }
}

void expect_kept(Repository& repository, const History& before) {
  const auto now = history_of(repository, {});
  ASSERT_TRUE(now) << now.error().message();
  for (const auto& [id, files] : before) {
    const auto found = now->find(id);
    ASSERT_NE(found, now->end()) << "snapshot " << id.short_hex() << " is gone";
    EXPECT_EQ(found->second, files) << "snapshot " << id.short_hex();
  }
}

/// One run with a cut; false if it needed fewer writes than that.
bool survive(storage::Storage& prepared, const PowerCutTest& test, const History& before, unsigned write,
             FaultStorage::Side side) {
  SCOPED_TRACE("power cut " + std::string(side == FaultStorage::Side::kBefore ? "before" : "after") + " write " +
               std::to_string(write));
  const auto storage = std::make_shared<FaultStorage>(copy_of(prepared));
  storage->cut_power(write, side);
  const auto status = test.operation(storage);
  const bool was_cut = !storage->has_power();
  EXPECT_TRUE(was_cut || status) << status.error().message();
  EXPECT_FALSE(was_cut && status) << "it said that all was done";
  storage->restore_power();
  if (test.damaged) {
    test.after(storage);
    return was_cut;
  }
  auto repository = test.open(storage);
  EXPECT_TRUE(repository) << repository.error().message();
  if (!repository) return was_cut;
  expect_whole(**repository);
  expect_kept(**repository, before);
  if (test.after) test.after(storage);
  return was_cut;
}

}  // namespace

std::shared_ptr<storage::MemoryStorage> copy_of(storage::Storage& storage) {
  auto copy = std::make_shared<storage::MemoryStorage>();
  const auto copied = copy_all(storage, *copy);
  EXPECT_TRUE(copied) << copied.error().message();
  return copy;
}

size_t survive_power_cuts(storage::Storage& prepared, const PowerCutTest& test) {
  const auto begin = [&]() -> Result<History> {
    if (test.damaged) return History();
    TRY_ASSIGN(const auto repository, open_repository(copy_of(prepared)));
    return history_of(*repository, test.may_vanish);
  };
  const auto before = begin();
  EXPECT_TRUE(before) << before.error().message();
  if (!before) return 0;
  size_t cuts = 0;
  for (const auto side : {FaultStorage::Side::kBefore, FaultStorage::Side::kAfter}) {
    for (unsigned write = 1; !::testing::Test::HasFatalFailure(); ++write) {
      if (!survive(prepared, test, *before, write, side)) break;
      ++cuts;
    }
  }
  return cuts;
}

}  // namespace varve::repo::testing
