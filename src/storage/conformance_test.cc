#include "storage/testing/conformance.h"

#include "storage/fault.h"
#include "storage/local.h"
#include "storage/memory.h"
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

INSTANTIATE_TEST_SUITE_P(Storage, Conformance,
                         ::testing::Values(Implementation{"local", make_local}, Implementation{"memory", make_memory},
                                           Implementation{"fault", make_faultless}),
                         implementation_name);

}  // namespace
}  // namespace varve::storage::testing
