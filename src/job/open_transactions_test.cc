#include "job/open_transactions.h"

#include <gtest/gtest.h>

#include "bson/from_json.h"

namespace varve::job {
namespace {

using bson::Timestamp;

bson::Document entry(uint32_t second, const std::string& session, const std::string& o) {
  return *bson::from_json(R"({"op":"c","ts":{"$timestamp":{"t":)" + std::to_string(second) +
                          R"(,"i":1}},"t":{"$numberLong":"1"},"lsid":{"id":")" + session + R"("},"o":)" + o + "}");
}

TEST(OpenTransactions, AreOpenFromTheirFirstPartToTheirEnd) {
  OpenTransactions open;
  EXPECT_FALSE(open.oldest());
  open.take(entry(10, "a", R"({"applyOps":[],"partialTxn":true})"));
  open.take(entry(11, "b", R"({"applyOps":[],"prepare":true})"));
  open.take(entry(12, "a", R"({"applyOps":[],"partialTxn":true})"));
  EXPECT_EQ(open.oldest(), (Timestamp{10, 1}));
  open.take(entry(13, "a", R"({"applyOps":[]})"));
  EXPECT_EQ(open.oldest(), (Timestamp{11, 1}));
  open.take(entry(14, "b", R"({"commitTransaction":1})"));
  EXPECT_FALSE(open.oldest());
}

TEST(OpenTransactions, OthersAreHeldToBeOpenUntilAllEntriesUpToTheServersWordAreSeen) {
  OpenTransactions open(Timestamp{5, 1});
  open.reach({20, 1});
  EXPECT_EQ(open.oldest(), (Timestamp{5, 1}));
  open.hear({5, 1}, {25, 1});
  EXPECT_TRUE(open.awaits_word()) << "that one is still open";
  open.hear({22, 1}, {30, 1});
  open.reach({29, 1});
  EXPECT_EQ(open.oldest(), (Timestamp{5, 1})) << "its last part may come yet";
  open.reach({30, 1});
  EXPECT_FALSE(open.oldest());
  EXPECT_FALSE(OpenTransactions(Timestamp{}).oldest());
}

}  // namespace
}  // namespace varve::job
