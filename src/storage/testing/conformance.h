#pragma once

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "storage/storage.h"

namespace varve::storage::testing {

/// A storage to be held to its contract. `make` gives one on an empty place where `create` was not called yet, of which
/// nothing is left when the pointer is gone.
struct Implementation {
  std::string name;
  std::function<std::shared_ptr<Storage>()> make;
};

/// What storage.h promises. Every implementation and every decorator, given nothing to do, is run through it:
///   INSTANTIATE_TEST_SUITE_P(Local, Conformance, ::testing::Values(Implementation{"local", make_local}),
///                            implementation_name);
class Conformance : public ::testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override;

  std::shared_ptr<Storage> storage_;
};

std::string implementation_name(const ::testing::TestParamInfo<Implementation>& info);

}  // namespace varve::storage::testing
