#include "job/lock_journal.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace varve::job {
namespace {

class LockJournalTest : public ::testing::Test {
 protected:
  LockJournalTest() { folder_ = std::filesystem::temp_directory_path() / ("varve-locks-" + to_hex(unique())); }
  ~LockJournalTest() override { std::filesystem::remove_all(folder_); }

  static std::array<uint8_t, 8> unique() {
    std::array<uint8_t, 8> raw;
    random_bytes(raw);
    return raw;
  }

  LockJournal create() { return *LockJournal::create(folder_, record_); }

  std::vector<LeftLock> left() {
    std::vector<std::string> unreadable;
    auto found = locks_left_behind(folder_, unreadable);
    EXPECT_TRUE(found);
    unreadable_ = unreadable.size();
    return std::move(*found);
  }

  std::string folder_;
  size_t unreadable_ = 0;
  LockRecord record_{.run = "0123456789abcdef",
                     .holder = {.hostname = "here", .username = "varve", .pid = 7},
                     .holder_began = Time(std::chrono::seconds(1'700'000'000)),
                     .server = {"db1:27017", "6b0876dbef5acf12beb21d8a", 1, 1'700'000'000},
                     .time = Time(std::chrono::seconds(1'700'000'100)),
                     .held = {}};
};

TEST_F(LockJournalTest, NothingIsLeftWhereNothingWas) {
  EXPECT_TRUE(left().empty());
}

TEST_F(LockJournalTest, IsLeftOnlyOnceItsRunIsDead) {
  {
    auto journal = create();
    ASSERT_TRUE(journal.add_held({.others = 2, .operation = 48}));
    EXPECT_TRUE(left().empty()) << "the run is at work";
  }
  const auto found = left();
  ASSERT_EQ(found.size(), 1u);
  const auto& record = found[0].record;
  EXPECT_EQ(encode_lock_record(record), encode_lock_record(record_));
  ASSERT_TRUE(record.held);
  EXPECT_EQ(record.held->others, 2);
  EXPECT_EQ(record.held->operation, 48);
  EXPECT_TRUE(left().empty()) << "somebody is about to undo it";
  ASSERT_TRUE(found[0].journal.remove());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(LockJournalTest, TellsALockThatWasAskedForFromOneThatWasTaken) {
  { auto journal = create(); }
  ASSERT_EQ(left().size(), 1u);
  EXPECT_FALSE(left()[0].record.held);
}

TEST_F(LockJournalTest, IsForNobodyElse) {
  auto journal = create();
  const auto mode = std::filesystem::status(journal.path()).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(LockJournalTest, WhatIsCutOffOrNoJournalIsNamed) {
  const auto whole = encode_lock_record(record_);
  const std::string held = R"({"locks":1,"others":0,"operation":48})";
  for (size_t size = 0; size < held.size(); ++size) {
    const auto record = decode_lock_record(whole + held.substr(0, size));
    ASSERT_TRUE(record);
    EXPECT_FALSE(record->held) << size;
  }
  EXPECT_TRUE(decode_lock_record(whole + held)->held);
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(decode_lock_record(whole.substr(0, size))) << size;
  EXPECT_FALSE(decode_lock_record("[1]\n"));
  EXPECT_FALSE(decode_lock_record("{\"server\": 1}\n"));
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ + "/x.json") << "[";
  EXPECT_TRUE(left().empty());
  EXPECT_EQ(unreadable_, 1u);
}

TEST(ServerRun, IsOneLifeOfAServer) {
  const mongo::ServerRun named{"db1:27017", "aa", 1, 1000};
  EXPECT_TRUE(named.same_as({"localhost:27017", "aa", 1, 1000}));
  EXPECT_FALSE(named.same_as({"db1:27017", "ab", 1, 1000}));
  const mongo::ServerRun old{"db1:27017", "", 1, 1000};
  EXPECT_TRUE(old.same_as({"db1:27017", "", 1, 1003}));
  EXPECT_FALSE(old.same_as({"db1:27017", "", 1, 9000})) << "in a container every server is process 1";
  EXPECT_FALSE(old.same_as({"db1:27017", "", 2, 1000}));
  EXPECT_FALSE(old.same_as({"db2:27017", "", 1, 1000}));
}

}  // namespace
}  // namespace varve::job
