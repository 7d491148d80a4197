#include "repo/read_named.h"

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

using storage::FileType;
using storage::Operation;

class ReadNamed : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(storage_.create(Cancel()));
    const ByteView pieces[] = {content_};
    ASSERT_TRUE(storage_.put(handle_, pieces, Cancel()));
    ASSERT_TRUE(storage_.corrupt(handle_, 3));
    storage_.forget_calls();
  }
  Result<Bytes> read() { return read_named(storage_, handle_, content_.size(), Cancel()); }

  const Bytes content_ = to_bytes(as_bytes("what is named by its hash"));
  const storage::Handle handle_{FileType::kKey, codec::sha256(content_)};
  storage::FaultStorage storage_{std::make_shared<storage::MemoryStorage>()};
};

TEST_F(ReadNamed, ReadsOnceMoreWhatChangedOnItsWay) {
  storage_.meanwhile(Operation::kGet, FileType::kKey, [&] { ASSERT_TRUE(storage_.corrupt(handle_, 3)); });
  const auto bytes = read();
  ASSERT_TRUE(bytes) << bytes.error().message();
  EXPECT_EQ(*bytes, content_);
  EXPECT_EQ(storage_.calls().size(), 2u);
}

TEST_F(ReadNamed, NamesWhatIsDamagedWhereItLies) {
  const auto bytes = read();
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(storage_.calls().size(), 2u);
}

TEST_F(ReadNamed, GivesOtherErrorsAsTheyAre) {
  storage_.fail_call(Operation::kGet, 2, Error(ErrorKind::kUnavailable, "gone"));
  EXPECT_EQ(read().error().kind(), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace varve::repo
