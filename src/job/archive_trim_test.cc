#include "job/archive_trim.h"

#include <gtest/gtest.h>

namespace varve::job {
namespace {

/// Bases at these seconds, and parts of the archive between those.
Restorable restorable(const std::vector<uint32_t>& bases, const std::vector<std::pair<uint32_t, uint32_t>>& spans) {
  Restorable made;
  for (const uint32_t at : bases)
    made.bases.push_back({.snapshot = {}, .moment = {at, 1}, .set_id = "s", .consistency = "", .partial = ""});
  for (const auto& [from, to] : spans)
    made.spans.push_back({.from = {from, 1}, .to = {to, 1}, .set_id = "s", .gap = ""});
  return made;
}

/// "10 40 | 10": at which seconds the bases are, and from when on the oplog is needed.
std::string needed(const Restorable& all, uint32_t since) {
  const auto found = needed_since(all, {since, 0});
  std::string text;
  for (const auto& base : found.bases) text += std::to_string(base.moment.seconds) + " ";
  return text + "| " + std::to_string(found.oplog_from.seconds);
}

TEST(NeededSince, TheNewestBaseBeforeItIsEnough) {
  const auto all = restorable({10, 20, 30, 40}, {{5, 50}});
  EXPECT_EQ(needed(all, 35), "30 40 | 30") << "the newest in any case";
  EXPECT_EQ(needed(all, 30), "20 40 | 20") << "a second is all of its operations";
  EXPECT_EQ(needed(all, 45), "40 | 40");
}

TEST(NeededSince, WithoutOneBeforeItTheFirst) {
  EXPECT_EQ(needed(restorable({10, 20}, {{5, 50}}), 7), "10 20 | 7");
}

TEST(NeededSince, EachPartBetweenGapsHasItsOwn) {
  const auto all = restorable({10, 20, 40, 45, 80}, {{5, 30}, {35, 60}, {70, 90}});
  EXPECT_EQ(needed(all, 25), "20 40 80 | 20");
  EXPECT_EQ(needed(all, 50), "45 80 | 45");
  EXPECT_EQ(needed(all, 65), "80 | 65") << "nothing brings back what lies in a gap";
}

TEST(NeededSince, ABackupThatNoOplogReachesStays) {
  EXPECT_EQ(needed(restorable({10, 32, 60}, {{5, 30}}), 20), "10 32 60 | 10");
  EXPECT_EQ(needed(restorable({10, 32}, {{5, 30}, {35, 60}}), 34), "32 | 34") << "the newest in any case";
}

TEST(NeededSince, APartialOneIsTakenForNoWholeOne) {
  auto all = restorable({10, 20, 30}, {{5, 50}});
  all.bases[1].partial = "is of a part of the source";
  EXPECT_EQ(needed(all, 25), "10 30 | 10");
  EXPECT_EQ(needed(all, 35), "30 | 30");
  all.bases[0].partial = "is incomplete";
  EXPECT_EQ(needed(all, 25), "20 30 | 20") << "some of it comes back before the first whole one";
  all.bases[2].partial = "is incomplete";
  EXPECT_EQ(needed(all, 25), "20 | 20");
}

TEST(NeededSince, AnotherSetsBackupIsNone) {
  auto all = restorable({10, 20}, {{5, 30}});
  all.bases[1].set_id = "another";
  EXPECT_EQ(needed(all, 25), "10 20 | 10");
}

TEST(NeededSince, WithoutBackupsNothingIs) {
  EXPECT_EQ(needed(restorable({}, {{5, 30}}), 20), "| 20");
}

}  // namespace
}  // namespace varve::job
