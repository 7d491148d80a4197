#include "storage/testing/conformance.h"

#include "storage/fault.h"
#include "storage/gated.h"
#include "storage/local.h"
#include "storage/memory.h"
#include "storage/retry.h"
#include "storage/testing/helpers.h"

namespace varve::storage::testing {
namespace {

std::shared_ptr<Storage> make_local() {
  struct Place {
    TemporaryFolder folder;
    LocalStorage storage{folder.path() + "/not/yet"};
  };
  auto place = std::make_shared<Place>();
  return {place, &place->storage};
}

std::shared_ptr<Storage> make_memory() {
  return std::make_shared<MemoryStorage>();
}

std::shared_ptr<Storage> make_faultless() {
  return std::make_shared<FaultStorage>(make_memory());
}

std::shared_ptr<Storage> make_open_gate() {
  return std::make_shared<GatedStorage>(make_memory(), [](const Handle&, const Cancel&) { return Status(); });
}

std::shared_ptr<Storage> make_patient() {
  return std::make_shared<RetryStorage>(make_memory(), RetryOptions());
}

TEST(GatedStorage, ChangesNothingWhileTheGateIsShut) {
  const auto below = make_memory();
  ASSERT_TRUE(below->create(Cancel()));
  bool open = false;
  GatedStorage gated(below, [&](const Handle& handle, const Cancel&) {
    return open || handle.type == FileType::kLock ? Status() : Status(fail(ErrorKind::kLocked, "not yet"));
  });
  Id id;
  id.bytes.fill(1);
  const ByteView pieces[] = {as_bytes("bytes")};
  EXPECT_EQ(gated.put({FileType::kPack, id}, pieces, Cancel()).error().kind(), ErrorKind::kLocked);
  EXPECT_EQ(below->stat({FileType::kPack, id}, Cancel()).error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(gated.put({FileType::kLock, id}, pieces, Cancel()));
  open = true;
  EXPECT_TRUE(gated.put({FileType::kPack, id}, pieces, Cancel()));
  open = false;
  EXPECT_EQ(gated.remove({FileType::kPack, id}, Cancel()).error().kind(), ErrorKind::kLocked);
  EXPECT_EQ(as_text(*gated.get({FileType::kPack, id}, 0, 0, Cancel())), "bytes");
  EXPECT_TRUE(gated.remove({FileType::kLock, id}, Cancel()));
}

INSTANTIATE_TEST_SUITE_P(Storage, Conformance,
                         ::testing::Values(Implementation{"local", make_local}, Implementation{"memory", make_memory},
                                           Implementation{"fault", make_faultless},
                                           Implementation{"gated", make_open_gate},
                                           Implementation{"retry", make_patient}),
                         implementation_name);

}  // namespace
}  // namespace varve::storage::testing
