#include "bson/testing/samples.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace varve::bson::testing {

Bytes read_data(const std::string& relative) {
  const std::string path = std::string(VARVE_TEST_DATA) + "/" + relative;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return to_bytes(as_bytes(text));
}

std::vector<ByteView> split_documents(ByteView bytes) {
  std::vector<ByteView> documents;
  while (const auto size = check_framing(bytes)) {
    documents.push_back(bytes.first(*size));
    bytes = bytes.subspan(*size);
  }
  EXPECT_TRUE(bytes.empty());
  return documents;
}

Bytes concatenate(const std::vector<Bytes>& documents) {
  Bytes all;
  for (const auto& document : documents) append(all, document);
  return all;
}

namespace {

/// An element out of its raw bytes, for types that the builder does not write.
void add_raw(Builder& b, Type type, std::string_view name, std::string_view value) {
  Bytes document(4);
  document.push_back(static_cast<uint8_t>(type));
  append(document, as_bytes(name));
  document.push_back(0);
  append(document, as_bytes(value));
  document.push_back(0);
  const auto size = static_cast<uint32_t>(document.size());
  std::memcpy(document.data(), &size, sizeof size);
  b.add(*View(document).elements().next());
}

}  // namespace

Document every_type() {
  using namespace std::string_view_literals;
  const std::array<uint8_t, 16> uuid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  Builder b;
  add_raw(b, Type::kObjectId, "_id", "abcdefghijkl"sv);
  b.add("double", 1.5).add("string", "text").open("document").add("a", int32_t{1}).open("b").end().end();
  b.open_array("array").add("0", true).add_null("1").end().add_uuid("uuid", uuid);
  add_raw(b, Type::kBinary, "binary",
          "\3\0\0\0\x80"
          "abc"sv);
  add_raw(b, Type::kUndefined, "undefined", ""sv);
  b.add("bool", false).add_date("date", 1500).add_null("null");
  add_raw(b, Type::kRegex, "regex", "^a\0im\0"sv);
  add_raw(b, Type::kDbPointer, "pointer",
          "\5\0\0\0db.c\0"
          "abcdefghijkl"sv);
  add_raw(b, Type::kCode, "code", "\4\0\0\0f()\0"sv);
  add_raw(b, Type::kSymbol, "symbol", "\4\0\0\0sym\0"sv);
  add_raw(b, Type::kCodeWithScope, "scoped", "\x18\0\0\0\4\0\0\0f()\0\x0c\0\0\0\x10x\0\1\0\0\0\0"sv);
  b.add("int32", int32_t{-5}).add("timestamp", Timestamp{7, 8}).add("int64", int64_t{1} << 40);
  add_raw(b, Type::kDecimal128, "decimal", "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\x30"sv);
  add_raw(b, Type::kMinKey, "min", ""sv);
  add_raw(b, Type::kMaxKey, "max", ""sv);
  return b.finish();
}

Bytes random_document(std::mt19937_64& random, int64_t id, size_t size) {
  std::string filler(size / 2 + random() % (size + 1), '\0');
  for (size_t i = 0; i < filler.size(); i += 8) {
    const uint64_t bits = random();
    for (size_t j = i; j < std::min(i + 8, filler.size()); ++j)
      filler[j] = static_cast<char>('a' + (bits >> (8 * (j - i)) & 15));
  }
  Builder b;
  b.add("_id", id).add("filler", filler);
  return to_bytes(b.finish().bytes());
}

}  // namespace varve::bson::testing
