#include "repo/pack_subset.h"

#include <set>

#include <gtest/gtest.h>

namespace varve::repo {
namespace {

std::vector<storage::FileInfo> packs(size_t count) {
  std::vector<storage::FileInfo> packs(count);
  for (size_t i = 0; i < count; ++i) {
    packs[i].id.bytes[0] = static_cast<uint8_t>(i * 7);
    packs[i].id.bytes[1] = static_cast<uint8_t>(i);
    packs[i].size = 1000;
  }
  return packs;
}

size_t chosen(std::string_view text, size_t of) {
  return PackSubset::parse(text)->choose(packs(of)).size();
}

TEST(PackSubset, AllPartsTogetherAreEverything) {
  for (const unsigned parts : {1u, 3u, 10u, 256u}) {
    std::set<Id> seen;
    for (unsigned part = 1; part <= parts; ++part) {
      const auto subset = PackSubset::parse(std::to_string(part) + "/" + std::to_string(parts));
      ASSERT_TRUE(subset);
      for (const auto& pack : subset->choose(packs(100))) {
        EXPECT_EQ(pack.id.bytes[0] % parts, part - 1);
        EXPECT_TRUE(seen.insert(pack.id).second);
      }
    }
    EXPECT_EQ(seen.size(), 100u);
  }
}

TEST(PackSubset, SharesAndSizes) {
  EXPECT_EQ(PackSubset().choose(packs(7)).size(), 7u);
  EXPECT_EQ(chosen("100%", 100), 100u);
  EXPECT_EQ(chosen("2.5%", 100), 2u);
  EXPECT_EQ(chosen("0.001%", 100), 1u);
  EXPECT_EQ(chosen("1%", 0), 0u);
  EXPECT_EQ(chosen("10K", 100), 10u);
  EXPECT_EQ(chosen("50000", 100), 50u);
  EXPECT_EQ(chosen("50000b", 100), 50u);
  EXPECT_EQ(chosen("1", 100), 1u);
  EXPECT_EQ(chosen("8T", 100), 100u);
}

TEST(PackSubset, SaysWhatWouldDo) {
  for (const char* bad : {"",
                          "/",
                          "1/",
                          "/2",
                          "0/2",
                          "3/2",
                          "1/257",
                          "1/2/3",
                          "-1/2",
                          "%",
                          "0%",
                          "-1%",
                          "100.1%",
                          "nan%",
                          "inf%",
                          "0",
                          "x",
                          "K",
                          "1X",
                          "1KB",
                          "-5",
                          "99999999999999999999",
                          "9999999999T",
                          " 1"}) {
    const auto refused = PackSubset::parse(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalidInput);
    EXPECT_EQ(refused.error().hints().size(), 1u);
  }
}

}  // namespace
}  // namespace varve::repo
