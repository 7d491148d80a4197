#include "bson/view.h"

#include <gtest/gtest.h>

#include "bson/digest.h"
#include "bson/json.h"
#include "bson/testing/samples.h"

namespace varve::bson {
namespace {

using testing::every_type;

/// Everything that reads bytes which nobody has checked.
void read_all(ByteView bytes) {
  (void)validate(bytes);
  (void)check_framing(bytes);
  (void)has_empty_timestamp(bytes);
  (void)id_element(bytes);
  (void)View(bytes).find("document.b.c");
  (void)to_json(View(bytes), JsonMode::kCanonical);
  (void)to_json(View(bytes), JsonMode::kRelaxed);
  Iterator iterator(bytes);
  while (const auto element = iterator.next()) {
    (void)element->as_string();
    (void)element->as_int64();
    (void)element->as_double();
    (void)element->as_timestamp();
    (void)element->as_date();
    (void)element->as_uuid();
    (void)element->truthy();
  }
}

/// A copy on the heap of exactly that size, so that the sanitizer sees a read past its end.
void read_all_of_exactly(ByteView bytes) {
  const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  read_all(copy);
}

TEST(View, FindsByNameAndByPath) {
  const Document d = every_type();
  EXPECT_EQ(d.view().string("string"), "text");
  EXPECT_EQ(d.view().int64("document.a"), 1);
  EXPECT_TRUE(d.view().document("document.b")->empty());
  EXPECT_TRUE(d.view().truthy("array.0"));
  EXPECT_FALSE(d.view().find("array.2"));
  EXPECT_FALSE(d.view().find("string.x"));
  EXPECT_EQ(d.view().timestamp("timestamp")->text(), "7:8");
  EXPECT_EQ(d.view().find("uuid")->as_uuid()->size(), 16u);
  EXPECT_EQ(d.view().find("date")->as_date(), 1500);
}

TEST(View, ANameWithADotComesBeforeAPath) {
  Builder b;
  b.open("a").add("b", int32_t{1}).end().add("a.b", int32_t{2});
  EXPECT_EQ(b.finish().view().int64("a.b"), 2);
}

TEST(View, ConvertsWholeNumbersOnly) {
  Builder b;
  b.add("whole", 3.0).add("half", 3.5).add("large", 1e19).add("nan", std::numeric_limits<double>::quiet_NaN());
  const Document d = b.finish();
  EXPECT_EQ(d.view().int64("whole"), 3);
  EXPECT_FALSE(d.view().int64("half"));
  EXPECT_FALSE(d.view().int64("large"));
  EXPECT_FALSE(d.view().int64("nan"));
  EXPECT_TRUE(d.view().truthy("half"));
}

TEST(Framing, TakesTheFirstDocumentAndNothingElse) {
  const Bytes two = {5, 0, 0, 0, 0, 5, 0, 0, 0, 0};
  EXPECT_EQ(check_framing(two), 5u);
  EXPECT_FALSE(check_framing(two, 4));
  EXPECT_FALSE(check_framing(ByteView(two).first(4)));
  EXPECT_FALSE(check_framing(Bytes{4, 0, 0, 0, 0}));
  EXPECT_FALSE(check_framing(Bytes{5, 0, 0, 0, 1}));
  EXPECT_FALSE(check_framing(Bytes{5, 0, 0, 0x80, 0}));
}

TEST(Validate, RefusesEveryTruncation) {
  const Document d = every_type();
  ASSERT_TRUE(validate(d.bytes()));
  for (size_t size = 0; size < d.bytes().size(); ++size) {
    EXPECT_FALSE(validate(d.bytes().first(size))) << size;
    read_all_of_exactly(d.bytes().first(size));
    // The same with a length field that claims it is whole.
    if (size < 5) continue;
    Bytes cut = to_bytes(d.bytes().first(size));
    cut[0] = static_cast<uint8_t>(size), cut[1] = static_cast<uint8_t>(size >> 8);
    read_all_of_exactly(cut);
  }
}

TEST(Validate, SurvivesEveryChangedByte) {
  const Bytes corpus = testing::read_data("bson/types.bson");
  auto documents = testing::split_documents(corpus);
  const Document all = every_type();
  documents.push_back(all.bytes());
  for (const ByteView document : documents) {
    EXPECT_TRUE(validate(document));
    Bytes changed = to_bytes(document);
    for (auto& byte : changed) {
      const uint8_t original = byte;
      for (const int value : {0, 1, 4, 0x7f, 0x80, 0xff, original + 1, original - 1, original ^ 0x20}) {
        byte = static_cast<uint8_t>(value);
        read_all_of_exactly(changed);
      }
      byte = original;
    }
  }
}

TEST(Validate, RefusesWhatIsNestedTooDeeplyAndPrintsItWithoutOverflow) {
  const auto nested = [](int levels) {
    Builder b;
    for (int i = 0; i < levels; ++i) b.open("x");
    return b.finish();
  };
  EXPECT_TRUE(validate(nested(200).bytes()));
  EXPECT_FALSE(validate(nested(201).bytes()));
  EXPECT_NE(to_json(nested(200'000), JsonMode::kCanonical).find("<not BSON>"), std::string::npos);
}

TEST(IdElement, FirstLaterAndAbsent) {
  Builder b;
  const Document first = b.add("_id", int32_t{1}).add("x", int32_t{2}).finish();
  EXPECT_EQ(id_element(first.bytes()).size(), 1u + 4 + 4);
  EXPECT_EQ(id_element(first.bytes()).data(), first.bytes().data() + 4);
  const Document later = b.add("x", int32_t{2}).add("_id", "abc").finish();
  EXPECT_EQ(id_element(later.bytes()).size(), 1u + 4 + 4 + 4);
  const Document absent = b.open("x").add("_id", int32_t{1}).end().finish();
  EXPECT_TRUE(id_element(absent.bytes()).empty());
  EXPECT_TRUE(id_element(Document().bytes()).empty());
}

TEST(EmptyTimestamp, OnlyAtTheTopLevelAndNotInId) {
  Builder b;
  EXPECT_TRUE(has_empty_timestamp(b.add("a", int32_t{1}).add("t", Timestamp{}).finish().bytes()));
  EXPECT_FALSE(has_empty_timestamp(b.add("t", Timestamp{0, 1}).finish().bytes()));
  EXPECT_FALSE(has_empty_timestamp(b.add("t", Timestamp{1, 0}).finish().bytes()));
  EXPECT_FALSE(has_empty_timestamp(b.add("_id", Timestamp{}).finish().bytes()));
  EXPECT_FALSE(has_empty_timestamp(b.open("o").add("t", Timestamp{}).end().finish().bytes()));
  EXPECT_FALSE(has_empty_timestamp(b.add("n", int32_t{0x11}).add("z", int64_t{0}).finish().bytes()));
}

TEST(AsStored, MovesTheIdToTheFront) {
  Builder b;
  Bytes scratch;
  const Document first = b.add("_id", int32_t{1}).add("a", int32_t{2}).finish();
  EXPECT_EQ(as_stored(first.bytes(), scratch).data(), first.bytes().data());
  const Document later = b.add("a", int32_t{2}).add("_id", int32_t{1}).finish();
  const ByteView stored = as_stored(later.bytes(), scratch);
  EXPECT_EQ(to_bytes(stored), to_bytes(first.bytes()));
  EXPECT_EQ(as_stored(Document().bytes(), scratch).size(), 5u);
}

TEST(Digest, DoesNotDependOnTheOrderAndTakesBack) {
  const Document a = every_type(), b = Builder().add("x", int32_t{1}).finish();
  Digest one, other;
  one.add(a.bytes());
  one.add(b.bytes());
  Digest part;
  part.add(a.bytes());
  other.add(b.bytes());
  other += part;
  EXPECT_EQ(one, other);
  EXPECT_EQ(one.documents, 2u);
  EXPECT_EQ(one.bytes, a.bytes().size() + b.bytes().size());
  one -= part;
  other -= part;
  EXPECT_EQ(one, other);
  EXPECT_FALSE(one == part);
}

}  // namespace
}  // namespace varve::bson
