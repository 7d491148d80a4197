#include "bson/id_key.h"

#include <gtest/gtest.h>

#include "bson/document.h"
#include "bson/testing/samples.h"

namespace varve::bson {
namespace {

Bytes key(const Document& document) {
  Bytes scratch;
  return to_bytes(id_key(*document.view().find("_id"), scratch));
}

template <typename T>
Document id(T value) {
  return Builder().add("_id", value).finish();
}

/// {_id: <element of that type with these bytes>}
Document raw_id(Type type, ByteView value) {
  Bytes document(4);
  document.push_back(static_cast<uint8_t>(type));
  append(document, as_bytes("_id"));
  document.push_back(0);
  append(document, value);
  document.push_back(0);
  const auto size = static_cast<uint32_t>(document.size());
  std::memcpy(document.data(), &size, sizeof size);
  return Document::adopt(std::move(document));
}

/// coefficient * 10^exponent
Document decimal(uint64_t coefficient, int exponent, bool negative = false) {
  Bytes value;
  append_le(value, coefficient);
  append_le(value, static_cast<uint64_t>(exponent + 6176) << 49 | (negative ? 1ull << 63 : 0));
  return raw_id(Type::kDecimal128, value);
}

TEST(IdKey, NumbersThatAServerHoldsEqualAreOneKey) {
  const Bytes three = key(id(int32_t{3}));
  EXPECT_EQ(key(id(int64_t{3})), three);
  EXPECT_EQ(key(id(3.0)), three);
  EXPECT_EQ(key(decimal(3, 0)), three);
  EXPECT_EQ(key(decimal(300, -2)), three);
  EXPECT_EQ(key(id(-0.0)), key(id(int32_t{0})));
  EXPECT_EQ(key(decimal(0, 17, true)), key(id(int32_t{0})));
  EXPECT_EQ(key(decimal(5, -1)), key(id(0.5)));
  EXPECT_EQ(key(decimal(375, -3, true)), key(id(-0.375)));
  EXPECT_EQ(key(decimal(1, 20)), key(id(1e20)));
  EXPECT_EQ(key(decimal(1ull << 62, 0)), key(id(int64_t{1} << 62)));
  EXPECT_EQ(key(decimal(1, 22)), key(id(1e22)));
}

TEST(IdKey, OthersStayApart) {
  const std::vector<Document> different = {id(int32_t{3}),
                                           id(int32_t{-3}),
                                           id("3"),
                                           id(3.5),
                                           id(true),
                                           decimal(1, -1),
                                           id(0.1),
                                           decimal(31, -1),
                                           decimal(31, -1, true),
                                           decimal(1, 23),
                                           id(1e23),
                                           id(int64_t{1} << 53 | 1),
                                           id(9007199254740992.0)};
  for (size_t i = 0; i < different.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(key(different[i]), key(different[j])) << i << " and " << j;
  }
}

TEST(IdKey, LooksIntoDocuments) {
  const auto nested = [](auto value) { return Builder().open("_id").add("a", value).add("b", "x").end().finish(); };
  EXPECT_EQ(key(nested(int32_t{3})), key(nested(3.0)));
  EXPECT_NE(key(nested(int32_t{3})), key(nested(int32_t{4})));
  const Document swapped = Builder().open("_id").add("b", "x").add("a", int32_t{3}).end().finish();
  EXPECT_NE(key(nested(int32_t{3})), key(swapped));
}

TEST(IdKey, ASymbolIsItsString) {
  Bytes value;
  append_le(value, int32_t{2});
  append(value, as_bytes(std::string_view("a\0", 2)));
  EXPECT_EQ(key(raw_id(Type::kSymbol, value)), key(id("a")));
}

TEST(IdKey, EveryTypeHasOne) {
  const Document all = testing::every_type();
  auto elements = all.view().elements();
  Bytes scratch;
  while (const auto element = elements.next()) EXPECT_FALSE(id_key(*element, scratch).empty());
}

}  // namespace
}  // namespace varve::bson
