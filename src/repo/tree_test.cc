#include "repo/tree.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "codec/sha256.h"
#include "repo/go_time.h"

namespace varve::repo {
namespace {

const Time kTime = *parse_rfc3339("2026-11-21T10:15:02.5Z");

Node node_named(std::string name, NodeType type = NodeType::kFile) {
  Node node;
  node.name = std::move(name);
  node.type = type;
  node.mode = 0644;
  node.mtime = node.atime = node.ctime = kTime;
  if (type == NodeType::kDir) node.subtree = codec::sha256({});
  return node;
}

TEST(Tree, EmptyOneHasItsKnownId) {
  const auto json = encode_tree({});
  EXPECT_EQ(*json, "{\"nodes\":[]}\n");
  EXPECT_EQ(codec::sha256(as_bytes(*json)).hex(), "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8");
}

TEST(Tree, IsWrittenAsGoWritesIt) {
  constexpr const char* kTimes =
      R"("mtime":"2026-11-21T10:15:02.5Z","atime":"2026-11-21T10:15:02.5Z","ctime":"2026-11-21T10:15:02.5Z")";
  Node file = node_named("a<\"\\\xff\t\xc2\xa0>");
  file.size = 3;
  file.links = 1;
  file.inode = 5;
  file.device_id = 6;
  file.user = "u";
  file.group = "g";
  file.content = {codec::sha256({})};
  file.extended_attributes = {{"user.x", Bytes{1, 2, 3}}};
  Node link = node_named("b", NodeType::kSymlink);
  link.mode = 0777;
  link.link_target = "to\xff";
  const std::string empty = codec::sha256({}).hex();
  const auto json = encode_tree({file, link, node_named("c", NodeType::kDir), node_named("d")});
  ASSERT_TRUE(json);
  EXPECT_EQ(*json, R"({"nodes":[{"name":"a\u003c\\\"\\\\\\xff\\t\\u00a0\u003e","type":"file","mode":420,)" +
                       std::string(kTimes) +
                       R"(,"uid":0,"gid":0,"user":"u","group":"g","inode":5,"device_id":6,"size":3,"links":1,)"
                       R"("extended_attributes":[{"name":"user.x","value":"AQID"}],"content":[")" +
                       empty + R"("]},{"name":"b","type":"symlink","mode":134218239,)" + kTimes +
                       R"(,"uid":0,"gid":0,"linktarget":"to\ufffd","linktarget_raw":"dG//","content":null},)"
                       R"({"name":"c","type":"dir","mode":2147484068,)" +
                       kTimes + R"(,"uid":0,"gid":0,"content":null,"subtree":")" + empty +
                       R"("},{"name":"d","type":"file","mode":420,)" + kTimes + R"(,"uid":0,"gid":0,"content":[]}]})" +
                       "\n");
}

TEST(Tree, ReadsBackWhatItWrote) {
  std::vector<Node> nodes;
  const NodeType types[] = {NodeType::kFile,       NodeType::kDir,  NodeType::kSymlink, NodeType::kDevice,
                            NodeType::kCharDevice, NodeType::kFifo, NodeType::kSocket};
  for (size_t i = 0; i < std::size(types); ++i) {
    Node node = node_named(std::string(1, static_cast<char>('a' + i)), types[i]);
    node.uid = 1000;
    node.gid = 2000;
    node.device = i;
    node.link_target = i == 2 ? "x\xfe" : "";
    node.ctime = kGoZeroTime;
    nodes.push_back(node);
  }
  const auto json = encode_tree(nodes);
  ASSERT_TRUE(json);
  const auto again = decode_tree(*json);
  ASSERT_TRUE(again) << again.error().message();
  ASSERT_EQ(again->size(), nodes.size());
  EXPECT_EQ((*again)[2].link_target, "x\xfe");
  EXPECT_EQ((*again)[5].type, NodeType::kFifo);
  EXPECT_EQ(*encode_tree(*again), *json);
}

TEST(Tree, NamesMayHoldEveryByteButTwo) {
  std::vector<Node> nodes;
  std::string all;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    const std::string one(1, static_cast<char>(byte));
    if (one != ".") nodes.push_back(node_named(one));
    nodes.push_back(node_named(one + "\xe2\x80"));  // a sequence that is cut short
    all += one;
  }
  nodes.push_back(node_named(all));
  std::sort(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto json = encode_tree(nodes);
  ASSERT_TRUE(json) << json.error().message();
  const auto again = decode_tree(*json);
  ASSERT_TRUE(again) << again.error().message();
  ASSERT_EQ(again->size(), nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) EXPECT_EQ((*again)[i].name, nodes[i].name);
}

TEST(Tree, UnsortedOrRepeatedNamesAreADefect) {
  EXPECT_EQ(encode_tree({node_named("b"), node_named("a")}).error().kind(), ErrorKind::kInternal);
  EXPECT_EQ(encode_tree({node_named("a"), node_named("a")}).error().kind(), ErrorKind::kInternal);
  EXPECT_TRUE(encode_tree({node_named("a\x7f"), node_named("a\x80")}));  // bytes, not chars
}

TEST(Tree, IsReadLeniently) {
  const auto nodes = decode_tree(
      R"({"x":1,"nodes":[{"content":[],"generic_attributes":{"windows.x":1},"type":"file","name":"b","size":null},)"
      R"({"name":"a","type":"socket","mode":null}]})");
  ASSERT_TRUE(nodes) << nodes.error().message();
  EXPECT_EQ(nodes->size(), 2u);
  EXPECT_EQ((*nodes)[0].atime, kGoZeroTime);
  EXPECT_TRUE(decode_tree(R"({"nodes":null})"));
}

TEST(Tree, WhatCheckRefusesIsRefused) {
  const std::string null_id(64, '0');
  for (const std::string& node :
       {std::string(R"({"name":"a","type":"file"})"), std::string(R"({"name":"a","type":"file","content":null})"),
        std::string(R"({"name":"a","type":"dir"})"), std::string(R"({"name":"a","type":"dir","subtree":null})"),
        std::string(R"({"name":"","type":"socket"})"), std::string(R"({"type":"socket"})"),
        std::string(R"({"name":"a/b","type":"socket"})"), std::string(R"({"name":"..","type":"socket"})"),
        std::string(R"({"name":".","type":"socket"})"), std::string(R"({"name":"a","type":"irregular"})"),
        std::string(R"({"name":"a"})"), std::string(R"({"name":"\"","type":"socket"})"),
        std::string(R"({"name":"\\q","type":"socket"})"), std::string("7"),
        R"({"name":"a","type":"file","content":[")" + null_id + "\"]}",
        R"({"name":"a","type":"dir","subtree":")" + null_id + "\"}",
        std::string(R"({"name":"a","type":"file","content":["12"]})")}) {
    const auto nodes = decode_tree("{\"nodes\":[" + node + "]}");
    ASSERT_FALSE(nodes) << node;
    EXPECT_EQ(nodes.error().kind(), ErrorKind::kCorrupt);
  }
  EXPECT_FALSE(decode_tree("{\"nodes\":[]}{}"));
  EXPECT_FALSE(decode_tree(""));
}

}  // namespace
}  // namespace varve::repo
