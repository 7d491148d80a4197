#include "repo/tree_numbers.h"

#include <gtest/gtest.h>

namespace varve::repo {
namespace {

Id tree(uint8_t number) {
  Id id;
  id.bytes.fill(number);
  return id;
}

TEST(TreeNumbers, KnowTheFirstPlaceOfEachTree) {
  TreeNumbers trees;
  EXPECT_EQ(trees.meet(tree(1), TreeNumbers::kNone, ""), std::pair(0u, true));
  EXPECT_EQ(trees.meet(tree(2), 0, "dump"), std::pair(1u, true));
  EXPECT_EQ(trees.meet(tree(3), 1, "shop"), std::pair(2u, true));
  EXPECT_EQ(trees.meet(tree(3), 0, "again"), std::pair(2u, false));
  EXPECT_EQ(trees.meet(tree(4), TreeNumbers::kNone, "root"), std::pair(3u, true));
  EXPECT_EQ(trees.meet(tree(5), 3, "x"), std::pair(4u, true));
  EXPECT_EQ(trees.path(0), "");
  EXPECT_EQ(trees.path(1), "dump");
  EXPECT_EQ(trees.path(2), "dump/shop");
  EXPECT_EQ(trees.path(3), "");
  EXPECT_EQ(trees.path(4), "x");
  EXPECT_EQ(trees.find(tree(3)), 2u);
  EXPECT_EQ(trees.find(tree(9)), TreeNumbers::kNone);
}

}  // namespace
}  // namespace varve::repo
