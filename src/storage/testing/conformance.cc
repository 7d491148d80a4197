#include "storage/testing/conformance.h"

#include <atomic>
#include <thread>

#include "storage/remove_all.h"
#include "storage/testing/helpers.h"

namespace varve::storage::testing {

void Conformance::SetUp() {
  storage_ = GetParam().make();
}

std::string implementation_name(const ::testing::TestParamInfo<Implementation>& info) {
  return info.param.name;
}

namespace {

constexpr FileType kNamed[] = {FileType::kKey, FileType::kLock, FileType::kSnapshot, FileType::kIndex, FileType::kPack};
const Cancel kNever;

#define EXPECT_KIND(expression, expected)            \
  do {                                               \
    const auto outcome = (expression);               \
    ASSERT_FALSE(outcome);                           \
    EXPECT_EQ(outcome.error().kind(), expected);     \
    EXPECT_FALSE(outcome.error().message().empty()); \
  } while (false)
#define ASSERT_OK(expression)                          \
  do {                                                 \
    const auto outcome = (expression);                 \
    ASSERT_TRUE(outcome) << outcome.error().message(); \
  } while (false)

TEST_P(Conformance, HasNothingBeforeItIsCreated) {
  EXPECT_KIND(storage_->get(kConfig, 0, 0, kNever), ErrorKind::kNotFound);
  EXPECT_KIND(storage_->stat(kConfig, kNever), ErrorKind::kNotFound);
  EXPECT_KIND(put(*storage_, kConfig, as_bytes("x")), ErrorKind::kNotFound);
  EXPECT_KIND(put(*storage_, handle_for(FileType::kPack, as_bytes("x")), as_bytes("x")), ErrorKind::kNotFound);
}

TEST_P(Conformance, IsCreatedOnceThereIsNoConfig) {
  ASSERT_OK(storage_->create(kNever));
  ASSERT_OK(storage_->create(kNever));
  ASSERT_OK(put(*storage_, kConfig, as_bytes("config")));
  EXPECT_KIND(storage_->create(kNever), ErrorKind::kExists);
  EXPECT_EQ(storage_->get(kConfig, 0, 0, kNever), to_bytes(as_bytes("config")));
}

TEST_P(Conformance, ListsNothingWhenEmpty) {
  ASSERT_OK(storage_->create(kNever));
  for (FileType type : kNamed) EXPECT_TRUE(listed(*storage_, type)->empty());
  EXPECT_TRUE(listed(*storage_, FileType::kConfig)->empty());
}

TEST_P(Conformance, GivesBackWhatWasPutUnderEveryType) {
  ASSERT_OK(storage_->create(kNever));
  ASSERT_OK(put(*storage_, kConfig, as_bytes("config")));
  EXPECT_EQ(listed(*storage_, FileType::kConfig), (std::map<Id, uint64_t>{{Id{}, 6}}));
  for (FileType type : kNamed) {
    const Bytes bytes = content(1000, static_cast<uint64_t>(type));
    const Handle handle = handle_for(type, bytes);
    ASSERT_OK(put(*storage_, handle, bytes));
    EXPECT_EQ(storage_->get(handle, 0, 0, kNever), bytes);
    EXPECT_EQ(storage_->stat(handle, kNever), bytes.size());
    EXPECT_EQ(listed(*storage_, type), (std::map<Id, uint64_t>{{handle.id, bytes.size()}}));
  }
}

TEST_P(Conformance, ReadsRanges) {
  ASSERT_OK(storage_->create(kNever));
  const Bytes bytes = content(5000);
  const Handle handle = handle_for(FileType::kPack, bytes);
  ASSERT_OK(put(*storage_, handle, bytes));
  const auto part = [&](size_t offset, size_t length) { return to_bytes(ByteView(bytes).subspan(offset, length)); };
  EXPECT_EQ(storage_->get(handle, 0, 1, kNever), part(0, 1));
  EXPECT_EQ(storage_->get(handle, 1234, 777, kNever), part(1234, 777));
  EXPECT_EQ(storage_->get(handle, 4999, 1, kNever), part(4999, 1));
  EXPECT_EQ(storage_->get(handle, 4000, 0, kNever), part(4000, 1000));
  EXPECT_EQ(storage_->get(handle, 5000, 0, kNever), Bytes());
}

TEST_P(Conformance, ReadsAPartOfTheConfig) {
  ASSERT_OK(storage_->create(kNever));
  ASSERT_OK(put(*storage_, kConfig, as_bytes("config")));
  EXPECT_EQ(storage_->get(kConfig, 0, 6, kNever), to_bytes(as_bytes("config")));
  EXPECT_EQ(storage_->get(kConfig, 0, 3, kNever), to_bytes(as_bytes("con")));
  EXPECT_EQ(storage_->get(kConfig, 3, 0, kNever), to_bytes(as_bytes("fig")));
  EXPECT_KIND(storage_->get(kConfig, 3, 4, kNever), ErrorKind::kCorrupt);
}

TEST_P(Conformance, RefusesRangesPastTheEnd) {
  ASSERT_OK(storage_->create(kNever));
  const Bytes bytes = content(100);
  const Handle handle = handle_for(FileType::kPack, bytes);
  ASSERT_OK(put(*storage_, handle, bytes));
  for (auto [offset, length] : {std::pair<uint64_t, uint64_t>{0, 101},
                                {99, 2},
                                {100, 1},
                                {101, 0},
                                {101, 1},
                                {1, ~uint64_t{0}},
                                {~uint64_t{0}, 0},
                                {~uint64_t{0}, 1},
                                {0, uint64_t{1} << 62}}) {
    EXPECT_KIND(storage_->get(handle, offset, length, kNever), ErrorKind::kCorrupt);
  }
}

TEST_P(Conformance, JoinsThePiecesOfAPayload) {
  ASSERT_OK(storage_->create(kNever));
  const Bytes bytes = content(3 << 20);
  std::vector<ByteView> pieces = {{}};
  ByteView rest = bytes;
  for (size_t size = 1; !rest.empty(); size = size * 3 % 40009 + 1) {
    pieces.push_back(rest.first(std::min(size, rest.size())));
    rest = rest.subspan(pieces.back().size());
    if (size % 5 == 0) pieces.emplace_back();
  }
  const Handle handle = handle_for(FileType::kPack, bytes);
  ASSERT_OK(storage_->put(handle, pieces, kNever));
  EXPECT_EQ(storage_->get(handle, 0, 0, kNever), bytes);
}

TEST_P(Conformance, StoresFilesWithoutBytes) {
  ASSERT_OK(storage_->create(kNever));
  const Handle handle = handle_for(FileType::kLock, {});
  ASSERT_OK(storage_->put(handle, {}, kNever));
  EXPECT_EQ(storage_->get(handle, 0, 0, kNever), Bytes());
  EXPECT_EQ(storage_->stat(handle, kNever), 0u);
}

TEST_P(Conformance, NeverReplacesAFile) {
  ASSERT_OK(storage_->create(kNever));
  const Bytes bytes = content(100);
  const Handle handle = handle_for(FileType::kIndex, bytes);
  ASSERT_OK(put(*storage_, handle, bytes));
  EXPECT_KIND(put(*storage_, handle, as_bytes("other")), ErrorKind::kExists);
  EXPECT_EQ(storage_->get(handle, 0, 0, kNever), bytes);
  ASSERT_OK(put(*storage_, kConfig, as_bytes("config")));
  EXPECT_KIND(put(*storage_, kConfig, as_bytes("other")), ErrorKind::kExists);
}

TEST_P(Conformance, SaysWhatIsNotThere) {
  ASSERT_OK(storage_->create(kNever));
  for (FileType type : kNamed) {
    const Handle handle = handle_for(type, as_bytes("never put"));
    EXPECT_KIND(storage_->get(handle, 0, 0, kNever), ErrorKind::kNotFound);
    EXPECT_KIND(storage_->get(handle, 10, 5, kNever), ErrorKind::kNotFound);
    EXPECT_KIND(storage_->stat(handle, kNever), ErrorKind::kNotFound);
    EXPECT_KIND(storage_->remove(handle, kNever), ErrorKind::kNotFound);
  }
  EXPECT_KIND(storage_->get(kConfig, 0, 0, kNever), ErrorKind::kNotFound);
}

TEST_P(Conformance, RemovesAndTakesAgain) {
  ASSERT_OK(storage_->create(kNever));
  for (FileType type : kNamed) {
    const Handle handle = handle_for(type, as_bytes("x"));
    ASSERT_OK(put(*storage_, handle, as_bytes("x")));
    ASSERT_OK(storage_->remove(handle, kNever));
    EXPECT_KIND(storage_->stat(handle, kNever), ErrorKind::kNotFound);
    EXPECT_KIND(storage_->remove(handle, kNever), ErrorKind::kNotFound);
    EXPECT_TRUE(listed(*storage_, type)->empty());
    ASSERT_OK(put(*storage_, handle, as_bytes("x")));
  }
}

TEST_P(Conformance, RemovesSeveralAndMissesNone) {
  ASSERT_OK(storage_->create(kNever));
  std::vector<Handle> handles;
  for (const char* text : {"a", "b", "c", "never put"}) {
    handles.push_back(handle_for(FileType::kPack, as_bytes(text)));
    if (handles.size() < 4) ASSERT_OK(put(*storage_, handles.back(), as_bytes(text)));
  }
  const std::vector<Handle> some = {handles[0], handles[3], handles[2]};  // of which the second was never there
  const auto outcomes = storage_->remove_some(some, kNever);
  ASSERT_EQ(outcomes.size(), 3u);
  for (const auto& outcome : outcomes) EXPECT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(listed(*storage_, FileType::kPack), (std::map<Id, uint64_t>{{handles[1].id, 1}}));
  std::stop_source source;
  source.request_stop();
  const auto stopped = storage_->remove_some({&handles[1], 1}, Cancel(source.get_token()));
  ASSERT_EQ(stopped.size(), 1u);
  EXPECT_KIND(stopped[0], ErrorKind::kCancelled);
  EXPECT_TRUE(storage_->remove_some({}, kNever).empty());
}

TEST_P(Conformance, RemovesMany) {
  ASSERT_OK(storage_->create(kNever));
  std::vector<Handle> handles;
  for (uint64_t i = 0; i < 120; ++i) {
    const Bytes bytes = content(10, i);
    handles.push_back(handle_for(FileType::kPack, bytes));
    ASSERT_OK(put(*storage_, handles.back(), bytes));
  }
  std::map<Id, int> told;
  ASSERT_OK(remove_all(
      *storage_, handles,
      [&](const Handle& handle, const Status& removed) {
        EXPECT_TRUE(removed) << removed.error().message();
        ++told[handle.id];
      },
      kNever));
  EXPECT_EQ(told.size(), 120u);
  EXPECT_TRUE(listed(*storage_, FileType::kPack)->empty());
}

TEST_P(Conformance, ListsManyFilesEachOnce) {
  ASSERT_OK(storage_->create(kNever));
  std::map<Id, uint64_t> expected;
  for (uint64_t i = 0; i < 600; ++i) {
    const Bytes bytes = content(32 + i % 7, i);
    const Handle handle = handle_for(FileType::kPack, bytes);
    ASSERT_OK(put(*storage_, handle, bytes));
    expected.emplace(handle.id, bytes.size());
  }
  EXPECT_EQ(listed(*storage_, FileType::kPack), expected);
  EXPECT_TRUE(listed(*storage_, FileType::kIndex)->empty());
}

TEST_P(Conformance, StopsListingAtTheVisitorsError) {
  ASSERT_OK(storage_->create(kNever));
  for (const char* text : {"a", "b", "c"}) {
    ASSERT_OK(put(*storage_, handle_for(FileType::kSnapshot, as_bytes(text)), as_bytes(text)));
  }
  int seen = 0;
  const auto status = storage_->list(
      FileType::kSnapshot,
      [&](const FileInfo&) -> Status {
        if (++seen == 2) return fail(ErrorKind::kInconsistent, "enough");
        return {};
      },
      kNever);
  EXPECT_KIND(status, ErrorKind::kInconsistent);
  EXPECT_EQ(seen, 2);
}

TEST_P(Conformance, MayBeChangedWhileItIsListed) {
  ASSERT_OK(storage_->create(kNever));
  for (uint64_t i = 0; i < 50; ++i) {
    ASSERT_OK(put(*storage_, handle_for(FileType::kLock, content(10, i)), content(10, i)));
  }
  ASSERT_OK(storage_->list(
      FileType::kLock,
      [&](const FileInfo& info) {
        return storage_->remove({FileType::kLock, info.id}, kNever);
      },
      kNever));
  EXPECT_TRUE(listed(*storage_, FileType::kLock)->empty());
}

TEST_P(Conformance, ObeysItsCancel) {
  ASSERT_OK(storage_->create(kNever));
  const Handle there = handle_for(FileType::kPack, as_bytes("there"));
  const Handle handle = handle_for(FileType::kPack, as_bytes("x"));
  ASSERT_OK(put(*storage_, there, as_bytes("there")));
  std::stop_source source;
  source.request_stop();
  const Cancel stopped(source.get_token());
  const ByteView bytes = as_bytes("x");
  EXPECT_KIND(storage_->create(stopped), ErrorKind::kCancelled);
  EXPECT_KIND(storage_->put(handle, {&bytes, 1}, stopped), ErrorKind::kCancelled);
  EXPECT_KIND(storage_->get(there, 0, 0, stopped), ErrorKind::kCancelled);
  EXPECT_KIND(storage_->stat(there, stopped), ErrorKind::kCancelled);
  EXPECT_KIND(storage_->remove(there, stopped), ErrorKind::kCancelled);
  EXPECT_KIND(storage_->list(
                  FileType::kPack, [](const FileInfo&) { return Status(); }, stopped),
              ErrorKind::kCancelled);
  EXPECT_EQ(listed(*storage_, FileType::kPack), (std::map<Id, uint64_t>{{there.id, 5}}));
}

TEST_P(Conformance, ServesSeveralThreads) {
  ASSERT_OK(storage_->create(kNever));
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (uint64_t worker = 0; worker < 4; ++worker) {
      threads.emplace_back([&, worker] {
        for (uint64_t i = 0; i < 25; ++i) {
          const Bytes bytes = content(2000, worker * 1000 + i);
          const Handle handle = handle_for(FileType::kPack, bytes);
          if (!put(*storage_, handle, bytes) || storage_->get(handle, 0, 0, kNever) != bytes) ++failures;
          if (i % 5 == 0 && !storage_->remove(handle, kNever)) ++failures;
          if (i % 10 == 0 && !listed(*storage_, FileType::kPack)) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(listed(*storage_, FileType::kPack)->size(), 80u);
}

TEST_P(Conformance, LetsOneOfManyRacersWin) {
  ASSERT_OK(storage_->create(kNever));
  std::atomic<int> wins = 0;
  std::atomic<int> refusals = 0;
  {
    std::vector<std::jthread> threads;
    for (uint64_t worker = 0; worker < 4; ++worker) {
      threads.emplace_back([&, worker] {
        const auto status = put(*storage_, kConfig, content(100, worker));
        if (status) ++wins;
        if (!status && status.error().kind() == ErrorKind::kExists) ++refusals;
      });
    }
  }
  EXPECT_EQ(wins, 1);
  EXPECT_EQ(refusals, 3);
}

TEST_P(Conformance, SaysWhereItIs) {
  EXPECT_FALSE(storage_->location().empty());
  EXPECT_GE(storage_->connections(), 1u);
}

/// This library also serves tests that have no storage to put through it.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Conformance);

}  // namespace
}  // namespace varve::storage::testing
