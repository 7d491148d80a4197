#include "job/archive_writer.h"

#include <gtest/gtest.h>

#include "bson/document.h"
#include "job/archive_trim.h"
#include "job/layout.h"
#include "job/oplog_archive.h"
#include "repo/index.h"
#include "repo/snapshot_files.h"
#include "repo/testing/lock_fixture.h"
#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::job {
namespace {

using namespace std::chrono_literals;
using repo::testing::make_repository;
using repo::testing::TestClock;
using storage::FaultStorage;
using storage::MemoryStorage;

constexpr uint32_t kStart = 1795860000;

Bytes entry_at(uint32_t second) {
  bson::Builder builder;
  builder.add("op", "n").add("ts", bson::Timestamp{second, 1}).add("t", int64_t{1});
  builder.add("x", std::string(1000, static_cast<char>('a' + second % 26)));
  return to_bytes(builder.finish().bytes());
}

class ArchiveWriterTest : public ::testing::Test {
 protected:
  ArchiveWriter open(const std::string& run, repo::Repository& repository) {
    auto opened = ArchiveWriter::open(
        repository, {.source = "shop", .set_folder = "rs0", .identity = {run, "here", 1}, .program_version = "varve"},
        {}, clock_);
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(*opened);
  }
  ArchiveWriter open(const std::string& run = "b") { return open(run, *repository_); }

  /// The entries (after .. last], a second each, behind that at `after`.
  Status append(ArchiveWriter& writer, uint32_t after, uint32_t last, std::string gap = "") {
    std::vector<Bytes> entries;
    std::vector<ByteView> views;
    collection::SliceInfo info;
    for (uint32_t i = after; i <= last; ++i) entries.push_back(entry_at(kStart + i));
    for (const auto& entry : entries) {
      views.emplace_back(entry);
      info.bytes += entry.size();
    }
    info.span = {{kStart + after, 1}, {kStart + last, 1}};
    info.entries = entries.size();
    info.set_name = "rs0";
    info.gap = std::move(gap);
    auto status = writer.append(views, info, {});
    clock_.jump(5s);
    return status;
  }
  void expect_appended(ArchiveWriter& writer, uint32_t after, uint32_t last) {
    const auto status = append(writer, after, last);
    EXPECT_TRUE(status) << status.error().message();
  }

  std::vector<repo::Snapshot> snapshots() { return *repository_->snapshots({}); }
  std::vector<OplogSpan> spans() {
    EXPECT_TRUE(repository_->load_index({}));
    const auto newest = newest_archive(*repository_, "shop", {});
    const auto archive = OplogArchive::open(*repository_, **newest, {});
    EXPECT_TRUE(archive);
    auto spans = *archive->spans({});
    repository_->index().forget();
    return spans;
  }
  void expect_one_span(uint32_t from, uint32_t to) {
    const auto all = spans();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].from, (bson::Timestamp{kStart + from, 1}));
    EXPECT_EQ(all[0].to, (bson::Timestamp{kStart + to, 1}));
  }

  TestClock clock_;
  std::shared_ptr<MemoryStorage> memory_ = std::make_shared<MemoryStorage>();
  std::shared_ptr<FaultStorage> faulty_ = std::make_shared<FaultStorage>(memory_);
  std::unique_ptr<repo::Repository> repository_ = make_repository(faulty_);
};

TEST_F(ArchiveWriterTest, GoesOnWhereItEnded) {
  {
    auto writer = open();
    EXPECT_FALSE(writer.last());
    expect_appended(writer, 0, 3);
    expect_appended(writer, 3, 3700);  // in another hour
  }
  auto again = open("other");
  ASSERT_TRUE(again.last());
  EXPECT_EQ(again.last()->span.last, (bson::Timestamp{kStart + 3700, 1}));
  expect_appended(again, 3700, 3705);
  expect_one_span(0, 3705);
}

TEST_F(ArchiveWriterTest, ReplacesItsSnapshotsOnceTheyAreOld) {
  auto writer = open();
  for (uint32_t i = 0; i < 40; ++i) expect_appended(writer, i, i + 1);
  const auto left = snapshots();
  EXPECT_GE(left.size(), 20u) << "readers may still ask for what they have listed";
  EXPECT_LE(left.size(), 27u);
  clock_.jump(10min);
  expect_appended(writer, 40, 41);
  EXPECT_EQ(snapshots().size(), 2u);
  expect_one_span(0, 41);
}

TEST_F(ArchiveWriterTest, LeavesWhatSomebodyTagged) {
  auto writer = open();
  expect_appended(writer, 0, 1);
  const auto plain = snapshots().back();
  auto kept = plain;
  kept.tags.emplace_back("keep");
  const auto id = repository_->save_snapshot(kept, {});
  ASSERT_TRUE(id);
  ASSERT_TRUE(memory_->remove({storage::FileType::kSnapshot, plain.id}, {}));
  for (uint32_t i = 1; i < 4; ++i) {
    clock_.jump(10min);
    expect_appended(writer, i, i + 1);
  }
  const auto left = snapshots();
  EXPECT_TRUE(std::ranges::any_of(left, [&](const auto& s) { return s.id == *id; }));
  expect_one_span(0, 4);
}

TEST_F(ArchiveWriterTest, BuildsOnNothingThatIsGone) {
  auto writer = open();
  expect_appended(writer, 0, 1);
  expect_appended(writer, 1, 2);
  for (const auto& snapshot : snapshots()) {
    ASSERT_TRUE(memory_->remove({storage::FileType::kSnapshot, snapshot.id}, {}));
  }
  const auto lost = append(writer, 2, 3);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(writer.last()) << "it begins anew";
  expect_appended(writer, 1, 3);
  expect_one_span(1, 3);
}

TEST_F(ArchiveWriterTest, GoesOnFromWhatAnotherOneStored) {
  auto here = open("b");
  expect_appended(here, 0, 1);
  const auto elsewhere = *repo::testing::open_repository(memory_);
  auto there = open("a", *elsewhere);
  expect_appended(there, 1, 5);
  const auto late = append(here, 1, 3);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(here.last()->span.last, (bson::Timestamp{kStart + 5, 1}));
  for (uint32_t i = 5; i < 12; ++i) expect_appended(here, i, i + 1);
  expect_one_span(0, 12);
}

TEST_F(ArchiveWriterTest, OneOfTwoEnds) {
  auto here = open("b");
  expect_appended(here, 0, 1);
  const auto elsewhere = *repo::testing::open_repository(memory_);
  auto there = open("a", *elsewhere);
  uint32_t at = 1;
  std::optional<Error> ended;
  for (int turn = 0; turn < 30 && !ended; ++turn) {
    for (auto* writer : {&here, &there}) {
      auto status = append(*writer, at, at + 1);
      if (!status && status.error().kind() == ErrorKind::kUnavailable) status = append(*writer, at, at + 1);
      if (status) ++at;
      if (!status) {
        EXPECT_EQ(writer, &here) << "whose run comes later";
        ended = status.error();
        break;
      }
    }
  }
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->kind(), ErrorKind::kInconsistent);
  expect_one_span(0, at);
}

TEST_F(ArchiveWriterTest, KnowsThatASliceIsStoredAlthoughItWasToldOtherwise) {
  auto writer = open();
  expect_appended(writer, 0, 1);
  faulty_->fail_call(storage::Operation::kPut, 1, Error(ErrorKind::kUnavailable, "no"));
  EXPECT_FALSE(append(writer, 1, 2)) << "the lock";
  for (unsigned put = 2; put < 7; ++put) {
    faulty_->fail_call(storage::Operation::kPut, put, Error(ErrorKind::kUnavailable, "no"));
    const auto before = writer.last()->span.last.seconds - kStart;
    const auto status = append(writer, before, before + 1);
    if (!status) expect_appended(writer, before, before + 1);
  }
  expect_one_span(0, writer.last()->span.last.seconds - kStart);
}

/// Lets nobody remove a snapshot, as append-only storage does.
class Keeping final : public storage::Storage {
 public:
  Status create(const Cancel& cancel) override { return below_.create(cancel); }
  Status put(const storage::Handle& handle, storage::Payload payload, const Cancel& cancel) override {
    return below_.put(handle, payload, cancel);
  }
  Result<Bytes> get(const storage::Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override {
    return below_.get(handle, offset, length, cancel);
  }
  Result<uint64_t> stat(const storage::Handle& handle, const Cancel& cancel) override {
    return below_.stat(handle, cancel);
  }
  Status list(storage::FileType type, const std::function<Status(const storage::FileInfo&)>& visit,
              const Cancel& cancel) override {
    return below_.list(type, visit, cancel);
  }
  Status remove(const storage::Handle& handle, const Cancel& cancel) override {
    if (keeps && handle.type == storage::FileType::kSnapshot) return fail(ErrorKind::kDenied, "append-only");
    return below_.remove(handle, cancel);
  }
  std::string location() const override { return "memory"; }

  bool keeps = true;

 private:
  MemoryStorage below_;
};

TEST_F(ArchiveWriterTest, GoesOnWhereNothingMayBeRemoved) {
  const auto keeping = std::make_shared<Keeping>();
  repository_ = make_repository(keeping);
  auto writer = open();
  for (uint32_t i = 0; i < 4; ++i) {
    expect_appended(writer, i, i + 1);
    EXPECT_EQ(writer.keeps_all(), i >= 2);
    clock_.jump(10min);
  }
  EXPECT_EQ(snapshots().size(), 4u);
  EXPECT_FALSE(writer.lock_left());
  keeping->keeps = false;
  clock_.jump(1h);
  expect_appended(writer, 4, 5);
  EXPECT_FALSE(writer.keeps_all());
  EXPECT_EQ(snapshots().size(), 2u);
  expect_one_span(0, 5);
}

TEST_F(ArchiveWriterTest, JoinsTheSlicesOfAnHour) {
  auto writer = open();
  for (uint32_t i = 0; i < 30; ++i) expect_appended(writer, i, i + 1);
  const auto of = writer.last()->span.last;
  expect_appended(writer, 30, 3700);
  const auto merged = writer.join_hour(of, {});
  ASSERT_TRUE(merged) << merged.error().message();
  expect_appended(writer, 3700, 3701);
  ASSERT_TRUE(writer.join_hour(of, {})) << "nothing is left to join";
  expect_one_span(0, 3701);

  ASSERT_TRUE(repository_->load_index({}));
  const auto archive = *OplogArchive::open(*repository_, **newest_archive(*repository_, "shop", {}), {});
  std::vector<StoredSlice> slices;
  uint64_t entries = 0;
  const auto take = [&](const StoredSlice& slice) -> Result<bool> {
    slices.push_back(slice);
    TRY(archive.each_entry(slice, [&](ByteView) -> Status { return ++entries, Status(); }, {}));
    return true;
  };
  ASSERT_TRUE(archive.each_slice({}, take, {}));
  EXPECT_EQ(slices.size(), 3u) << "one of the first hour, two of the next";
  EXPECT_EQ(entries, 3701 + 3) << "each once, but for the first of each slice";
}

TEST_F(ArchiveWriterTest, JoinsNothingOverAGap) {
  auto writer = open();
  expect_appended(writer, 0, 1);
  expect_appended(writer, 1, 2);
  ASSERT_TRUE(append(writer, 10, 11, "the oplog had gone"));
  expect_appended(writer, 11, 12);
  const auto of = writer.last()->span.last;
  expect_appended(writer, 12, 3700);
  ASSERT_TRUE(writer.join_hour(of, {}));
  ASSERT_EQ(spans().size(), 2u);
  EXPECT_EQ(spans()[0].to, (bson::Timestamp{kStart + 2, 1}));
  EXPECT_EQ(spans()[1].from, (bson::Timestamp{kStart + 10, 1}));
  EXPECT_EQ(spans()[1].gap, "the oplog had gone");
}

TEST_F(ArchiveWriterTest, GoesOnInOneThatWasTrimmed) {
  auto writer = open();
  expect_appended(writer, 0, 10);
  expect_appended(writer, 10, 20);
  expect_appended(writer, 20, 3700);      // in another hour
  expect_appended(writer, 3700, 90'000);  // on another day
  expect_appended(writer, 90'000, 90'010);
  const auto trimmed_at = [&](uint32_t from, bool dry_run) {
    EXPECT_TRUE(repository_->load_index({}));
    const auto archive = OplogArchive::open(*repository_, **newest_archive(*repository_, "shop", {}), {});
    auto trimmed = trim_archive(*repository_, *archive,
                                {.source = "shop", .from = {kStart + from, 1}, .dry_run = dry_run}, {}, clock_);
    repository_->index().forget();
    EXPECT_TRUE(trimmed) << trimmed.error().message();
    return std::move(*trimmed);
  };
  const auto before = snapshots();
  EXPECT_EQ(trimmed_at(15, true).slices, 1u);
  EXPECT_EQ(trimmed_at(5, false).slices, 0u);
  EXPECT_EQ(snapshots().size(), before.size());
  EXPECT_EQ(trimmed_at(15, false).slices, 1u);
  expect_one_span(10, 90'010);
  EXPECT_EQ(trimmed_at(4000, false).slices, 2u);
  expect_one_span(3700, 90'010);
  const auto last = trimmed_at(90'010, false);
  expect_one_span(90'000, 90'010);
  EXPECT_EQ(last.slices, 1u);
  EXPECT_EQ(last.newest.id, snapshots().back().id);
  EXPECT_EQ(last.replaced.size(), snapshots().size() - 1);
  for (const auto& old : last.replaced) ASSERT_TRUE(memory_->remove({storage::FileType::kSnapshot, old.id}, {}));
  expect_appended(writer, 90'010, 90'020);
  expect_one_span(90'000, 90'020);
  clock_.jump(10min);
  expect_appended(writer, 90'020, 90'030);
  EXPECT_LE(snapshots().size(), 2u);
}

TEST_F(ArchiveWriterTest, ItsTimesFollowEachOther) {
  auto writer = open();
  expect_appended(writer, 0, 1);
  clock_.jump(-1h);
  expect_appended(writer, 1, 2);
  expect_one_span(0, 2);
  const auto all = snapshots();
  EXPECT_LT(all[0].time, all[1].time);
}

TEST_F(ArchiveWriterTest, ASliceThatLacksEntriesIsFound) {
  auto writer = open();
  expect_appended(writer, 0, 9000);  // several blobs
  ASSERT_TRUE(repository_->load_index({}));
  const auto archive = *OplogArchive::open(*repository_, **newest_archive(*repository_, "shop", {}), {});
  auto slice = **archive.last_slice({});
  ASSERT_GE(slice.data.content.size(), 3u);
  const auto visit = [](ByteView) { return Status(); };
  EXPECT_TRUE(archive.each_entry(slice, visit, {}));
  for (const size_t lost : {size_t{0}, size_t{1}, slice.data.content.size() - 1}) {
    auto damaged = slice;
    damaged.data.content.erase(damaged.data.content.begin() + static_cast<ptrdiff_t>(lost));
    const auto read = archive.each_entry(damaged, visit, {});
    ASSERT_FALSE(read) << lost;
    EXPECT_EQ(read.error().kind(), ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace varve::job
