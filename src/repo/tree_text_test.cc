#include "repo/tree_text.h"

#include <gtest/gtest.h>

namespace varve::repo {
namespace {

const std::string kOld(64, 'a');
const Id kNew = *Id::parse(std::string(64, 'b'));

std::string folder(const std::string& subtree) {
  return R"({"name":"d","type":"dir","mtime":"2026-07-01T10:00:00+02:00","user":"\",\"subtree\":\")" + kOld +
         R"(","new field":[ 1, {"subtree":"x"} ],"content":null,"subtree":")" + subtree + R"("})";
}

TEST(TreeText, GivesBackEveryByte) {
  for (const std::string tree : {std::string("{\"nodes\":[]}\n"), "{\"nodes\":[" + folder(kOld) + "]}\n"}) {
    const auto nodes = decode_tree_text(tree);
    ASSERT_TRUE(nodes) << nodes.error().message();
    EXPECT_EQ(join_tree(*nodes), tree);
  }
}

TEST(TreeText, ReplacesASubtreeAndNothingElse) {
  auto nodes = *decode_tree_text("{\"nodes\":[" + folder(kOld) + "]}\n");
  EXPECT_TRUE(set_subtree(nodes.at(0), kNew));
  EXPECT_EQ(nodes[0].json, folder(kNew.hex()));
  EXPECT_EQ(nodes[0].node.subtree, kNew);
}

TEST(TreeText, RefusesWhatItCouldNotGiveBack) {
  for (const std::string tree :
       {"{\"nodes\":[]}", "{\"nodes\": []}\n", "{\"nodes\":null}\n", "{\"nodes\":[],\"a\":1}\n"}) {
    const auto nodes = decode_tree_text(tree);
    ASSERT_FALSE(nodes) << tree;
    EXPECT_EQ(nodes.error().kind(), ErrorKind::kUnsupported);
  }
  EXPECT_EQ(decode_tree_text("{\"nodes\":[{}]}\n").error().kind(), ErrorKind::kCorrupt);
}

TEST(TreeText, RefusesAFolderWhoseSubtreeIsNotFound) {
  const std::string odd = R"({"name":"d","type":"dir","content":null,"subtree": ")" + kOld + R"("})";
  auto nodes = *decode_tree_text("{\"nodes\":[" + odd + "]}\n");
  EXPECT_EQ(set_subtree(nodes.at(0), kNew).error().kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(nodes[0].json, odd);
}

}  // namespace
}  // namespace varve::repo
