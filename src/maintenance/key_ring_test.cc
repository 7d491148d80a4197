#include "maintenance/key_ring.h"

#include <gtest/gtest.h>

#include "repo/testing/power_cuts.h"
#include "storage/fault.h"

namespace varve::maintenance {
namespace {

using namespace repo::testing;
using repo::Repository;
using storage::FaultStorage;
using storage::FileType;

const NewKey kCheap{{}, {}, kCheapKey};

Result<std::unique_ptr<Repository>> open_with(const std::shared_ptr<storage::Storage>& storage,
                                              std::string_view password) {
  TRY_ASSIGN(auto repository, Repository::open(storage, password, Cancel()));
  TRY(repository->load_index(Cancel()));
  return repository;
}

class KeyRingTest : public ::testing::Test {
 protected:
  size_t keys() { return list_keys(*repository_, Cancel())->keys.size(); }
  bool opens(std::string_view password) { return open_with(storage_, password).has_value(); }

  std::shared_ptr<FaultStorage> storage_ = std::make_shared<FaultStorage>(std::make_shared<storage::MemoryStorage>());
  std::unique_ptr<Repository> repository_ = make_repository(storage_);
  const Id first_ = repository_->key_id();
};

TEST_F(KeyRingTest, AddedKeysOpenTheRepositoryUntilTheyAreRemoved) {
  const auto id = add_key(*repository_, "second", {"operator", "rescue", kCheapKey}, Cancel());
  ASSERT_TRUE(id) << id.error().message();
  EXPECT_TRUE(opens("second"));
  EXPECT_TRUE(opens(kPassword));

  const auto list = *list_keys(*repository_, Cancel());
  ASSERT_EQ(list.keys.size(), 2u);
  EXPECT_TRUE(list.keys[0].current && list.keys[0].id == first_);
  EXPECT_FALSE(list.keys[1].current);
  EXPECT_EQ(list.keys[1].file.username, "operator");
  EXPECT_EQ(list.keys[1].file.hostname, "rescue");
  EXPECT_FALSE(list.keys[0].file.hostname.empty());
  EXPECT_EQ((*open_with(storage_, "second"))->key_id(), *id);

  ASSERT_TRUE(remove_key(*repository_, *id, Cancel()));
  EXPECT_EQ(open_with(storage_, "second").error().kind(), ErrorKind::kWrongPassword);
  EXPECT_EQ(remove_key(*repository_, *id, Cancel()).error().kind(), ErrorKind::kNotFound);
}

TEST_F(KeyRingTest, TheKeyInUseIsNotRemoved) {
  ASSERT_TRUE(add_key(*repository_, "second", kCheap, Cancel()));
  EXPECT_EQ(remove_key(*repository_, first_, Cancel()).error().kind(), ErrorKind::kInvalidInput);
  EXPECT_TRUE(opens(kPassword));
  ASSERT_TRUE(remove_key(**open_with(storage_, "second"), first_, Cancel()));
  EXPECT_FALSE(opens(kPassword));
}

TEST_F(KeyRingTest, AChangedPasswordReplacesTheOldOne) {
  const auto id = change_password(*repository_, "new", kCheap, Cancel());
  ASSERT_TRUE(id);
  EXPECT_TRUE(opens("new"));
  EXPECT_FALSE(opens(kPassword));
  EXPECT_EQ(keys(), 1u);
}

TEST_F(KeyRingTest, AKeyThatDoesNotComeBackIsTakenAway) {
  storage_->fail_call(storage::Operation::kGet, 1, Error(ErrorKind::kCorrupt, "other bytes came back"));
  const auto id = change_password(*repository_, "new", kCheap, Cancel());
  ASSERT_FALSE(id);
  EXPECT_NE(id.error().message().find("other bytes came back"), std::string::npos);
  EXPECT_FALSE(opens("new"));
  EXPECT_TRUE(opens(kPassword));
  EXPECT_EQ(keys(), 1u);
}

TEST_F(KeyRingTest, AnOldPasswordThatIsStillGoodIsSaidToBe) {
  storage_->fail_call(storage::Operation::kRemove, 1, Error(ErrorKind::kDenied, "no"));
  const auto id = change_password(*repository_, "new", kCheap, Cancel());
  ASSERT_FALSE(id);
  EXPECT_NE(id.error().message().find("the old one does so still"), std::string::npos);
  EXPECT_TRUE(opens("new"));
  EXPECT_TRUE(opens(kPassword));
}

TEST_F(KeyRingTest, AnEmptyPasswordIsNone) {
  EXPECT_FALSE(opens(""));
  ASSERT_TRUE(add_key(*repository_, "", kCheap, Cancel()));
  EXPECT_TRUE(opens(""));
}

TEST_F(KeyRingTest, TooManyKeysAreRefused) {
  for (size_t i = 1; i < repo::kMaxKeysTried; ++i) {
    ASSERT_TRUE(add_key(*repository_, "p" + std::to_string(i), kCheap, Cancel()));
  }
  EXPECT_EQ(add_key(*repository_, "one more", kCheap, Cancel()).error().kind(), ErrorKind::kInvalidInput);
  for (size_t i = 1; i < repo::kMaxKeysTried; ++i) EXPECT_TRUE(opens("p" + std::to_string(i)));
}

TEST_F(KeyRingTest, ADamagedKeyIsNamedBesideTheOthers) {
  const Id id = *add_key(*repository_, "second", kCheap, Cancel());
  ASSERT_TRUE(storage_->corrupt({FileType::kKey, id}, 40));
  const auto list = *list_keys(*repository_, Cancel());
  EXPECT_EQ(list.keys.size(), 1u);
  ASSERT_EQ(list.unreadable.size(), 1u);
  EXPECT_NE(list.unreadable[0].find(id.short_hex()), std::string::npos);
}

/// After every cut one password opens the repository, and all of it is there.
class KeyCuts : public KeyRingTest {
 protected:
  void SetUp() override { ASSERT_TRUE(back_up(*repository_, {{"a", "b"}})); }

  size_t survive(const std::function<Status(Repository&)>& change) {
    PowerCutTest test;
    test.operation = [&](const auto& storage) -> Status {
      TRY_ASSIGN(const auto repository, open_with(storage, kPassword));
      return change(*repository);
    };
    test.open = [&](const auto& storage) {
      auto with_old = open_with(storage, kPassword);
      return with_old ? std::move(with_old) : open_with(storage, "new");
    };
    return survive_power_cuts(*storage_, test);
  }
};

TEST_F(KeyCuts, OfAdding) {
  EXPECT_EQ(survive([](Repository& repository) -> Status {
              TRY(add_key(repository, "new", kCheap, Cancel()));
              return {};
            }),
            2u);
}

TEST_F(KeyCuts, OfChanging) {
  EXPECT_EQ(survive([](Repository& repository) -> Status {
              TRY(change_password(repository, "new", kCheap, Cancel()));
              return {};
            }),
            4u);
}

TEST_F(KeyCuts, OfRemoving) {
  const Id other = *add_key(*repository_, "other", kCheap, Cancel());
  EXPECT_EQ(survive([&](Repository& repository) { return remove_key(repository, other, Cancel()); }), 2u);
}

}  // namespace
}  // namespace varve::maintenance
