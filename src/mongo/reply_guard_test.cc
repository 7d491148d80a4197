#include "mongo/reply_guard.h"

#include <limits>

#include <gtest/gtest.h>

#include "bson/document.h"

namespace varve::mongo {
namespace {

bson::Document document() {
  bson::Builder builder;
  builder.add("ok", 1.0).add("text", std::string(200, 'x'));
  return builder.finish();
}

/// A reply as servers send it; each length can be made wrong.
Bytes message(int64_t length_off = 0, int64_t document_off = 0, uint8_t section = 0, uint32_t flags = 0) {
  const auto inside = document();
  Bytes body;
  append_le<uint32_t>(body, flags);
  body.push_back(section);
  append(body, inside.bytes());
  if (flags & 1) append_le<uint32_t>(body, 0);
  for (size_t i = 0; i < 4; ++i) {
    const auto size = static_cast<uint32_t>(static_cast<int64_t>(inside.bytes().size()) + document_off);
    body[5 + i] = static_cast<uint8_t>(size >> (8 * i));
  }
  Bytes out;
  append_le<uint32_t>(out, static_cast<uint32_t>(static_cast<int64_t>(body.size()) + 16 + length_off));
  for (const uint32_t field : {7u, 3u, 2013u}) append_le(out, field);
  append(out, body);
  return out;
}

Bytes old_reply(uint32_t documents = 1) {
  const auto inside = document();
  Bytes out;
  append_le<uint32_t>(out, static_cast<uint32_t>(36 + inside.bytes().size()));
  for (const uint32_t field : {7u, 3u, 1u, 8u, 0u, 0u, 0u, documents}) append_le(out, field);
  append(out, inside.bytes());
  return out;
}

Bytes compressed(uint32_t size) {
  Bytes out;
  append_le<uint32_t>(out, 16 + 9 + 3);
  for (const uint32_t field : {7u, 3u, 2012u, 2013u, size}) append_le(out, field);
  for (const uint8_t byte : {1, 2, 3, 4}) out.push_back(byte);
  return out;
}

bool passes(const Bytes& bytes, bool with_compressed = false) {
  return ReplyGuard(with_compressed).saw(bytes);
}

TEST(ReplyGuard, LetsRepliesThroughInPiecesOfAnySize) {
  Bytes all;
  for (const auto& one : {message(), old_reply(), message(0, 0, 0, 1), compressed(500), message()}) append(all, one);
  for (size_t piece = 1; piece <= all.size(); ++piece) {
    ReplyGuard guard(true);
    for (size_t at = 0; at < all.size(); at += piece) {
      ASSERT_TRUE(guard.saw(ByteView(all).subspan(at, std::min(piece, all.size() - at)))) << piece << " at " << at;
    }
    EXPECT_FALSE(guard.saw(message(0, 1))) << "it still looks";
  }
}

TEST(ReplyGuard, StopsLengthsThatDoNotFit) {
  for (const int64_t off : {-300, -16, -1, 1, 4, 1000, 48'000'000}) EXPECT_FALSE(passes(message(off))) << off;
  for (const int64_t off : {-400, -200, -1, 1, 4, 1000}) EXPECT_FALSE(passes(message(0, off))) << off;
  EXPECT_FALSE(passes(message(-4, 0, 0, 1))) << "no room for the checksum";
  EXPECT_FALSE(passes(message(0, 0, 1))) << "servers send no sequences of documents";
  EXPECT_FALSE(passes(old_reply(0)));
  EXPECT_FALSE(passes(old_reply(2)));
  EXPECT_FALSE(passes(Bytes(16, 0)));
  EXPECT_FALSE(passes(Bytes(16, 0xff)));
}

TEST(ReplyGuard, StopsADocumentWithoutAnEnd) {
  for (const uint32_t flags : {0u, 1u}) {
    auto bad = message(0, 0, 0, flags);
    bad[bad.size() - 1 - 4 * flags] = 1;
    for (size_t piece = 1; piece <= bad.size(); ++piece) {
      ReplyGuard guard(false);
      bool good = true;
      for (size_t at = 0; at < bad.size() && good; at += piece) {
        good = guard.saw(ByteView(bad).subspan(at, std::min(piece, bad.size() - at)));
      }
      EXPECT_FALSE(good) << piece;
    }
  }
}

/// A message with that document in it, whatever its bytes are.
Bytes with_document(ByteView inside) {
  Bytes out;
  append_le<uint32_t>(out, static_cast<uint32_t>(21 + inside.size()));
  for (const uint32_t field : {7u, 3u, 2013u, 0u}) append_le(out, field);
  out.push_back(0);
  append(out, inside);
  return out;
}

bool passes_in_pieces(const Bytes& bytes) {
  bool same = passes(bytes);
  for (size_t piece = 1; piece < bytes.size(); ++piece) {
    ReplyGuard guard(false);
    bool good = true;
    for (size_t at = 0; at < bytes.size() && good; at += piece) {
      good = guard.saw(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    EXPECT_EQ(good, same) << piece;
  }
  return same;
}

TEST(ReplyGuard, StopsADocumentThatCannotBeWalkedOver) {
  bson::Builder builder;
  builder.open("cursor").add("id", int64_t{0}).end().add("text", "x").add("yes", true).add("none", 1.5);
  builder.open("$clusterTime").add("clusterTime", bson::Timestamp{5, 1}).end().add("last", int32_t{1});
  const auto good = builder.finish();
  ASSERT_TRUE(passes_in_pieces(with_document(good.bytes())));
  const auto changed = [&](std::string_view after, size_t at, uint8_t byte) {
    Bytes bad = to_bytes(good.bytes());
    bad[as_text(bad).find(after) + at] = byte;
    return with_document(bad);
  };
  const std::string_view time("$clusterTime\0", 13);
  const std::string_view text("text\0", 5);
  for (const uint8_t length : {0, 4, 200, 25, 27}) EXPECT_FALSE(passes_in_pieces(changed(time, 13, length))) << +length;
  EXPECT_FALSE(passes_in_pieces(changed(time, 16, 0x7f))) << "longer than all of it";
  EXPECT_FALSE(passes_in_pieces(changed(time, 13 + 26 - 1, 1))) << "without its last zero";
  for (const uint8_t length : {0, 3, 200}) EXPECT_FALSE(passes_in_pieces(changed(text, 5, length))) << +length;
  EXPECT_FALSE(passes_in_pieces(changed(text, 10, 1))) << "a string without its last zero";
  EXPECT_FALSE(passes_in_pieces(changed(std::string_view("yes\0", 4), 4, 2))) << "neither true nor false";
  for (const uint8_t type : {0, 0x0b, 0x0f, 0x20, 0x80}) {
    Bytes bad = to_bytes(good.bytes());
    bad[as_text(bad).find(text) - 1] = type;
    EXPECT_FALSE(passes_in_pieces(with_document(bad))) << +type;
  }
  Bytes nameless = to_bytes(good.bytes());
  std::fill(nameless.end() - 10, nameless.end() - 1, uint8_t{'x'});
  EXPECT_FALSE(passes_in_pieces(with_document(nameless)));
}

TEST(ReplyGuard, StopsAnErrorWithoutANumber) {
  const auto coded = [](auto code) {
    bson::Builder builder;
    builder.add("ok", 0.0).add("code", code).add("codeName", "x");
    return passes_in_pieces(with_document(builder.finish().bytes()));
  };
  EXPECT_TRUE(coded(int32_t{1}) && coded(int32_t{-1}) && coded(int64_t{43}) && coded(43.0) && coded("zero"));
  EXPECT_FALSE(coded(int32_t{0}) || coded(int64_t{0}) || coded(int64_t{1} << 40) || coded(0.5) || coded(-0.0));
  EXPECT_FALSE(coded(std::numeric_limits<double>::quiet_NaN()));
}

TEST(ReplyGuard, LetsEveryKindOfFieldThrough) {
  bson::Builder builder;
  builder.add("t", bson::Timestamp{1, 2}).add("i", int32_t{1}).add("l", int64_t{1}).add("d", 1.0).add("b", false);
  builder.add("s", "").open("o").end().open_array("a").add("0", "x").end();
  EXPECT_TRUE(passes_in_pieces(with_document(builder.finish().bytes())));
  EXPECT_TRUE(passes_in_pieces(with_document(bson::Builder().finish().bytes())));
}

TEST(ReplyGuard, StopsKindsThatWereNotAskedFor) {
  EXPECT_FALSE(passes(compressed(500)));
  EXPECT_TRUE(passes(compressed(500), true));
  EXPECT_FALSE(passes(compressed(0xffffffff), true));
  auto query = message();
  query[12] = 0xd4;  // 2004, which only clients send
  EXPECT_FALSE(passes(query));
}

}  // namespace
}  // namespace varve::mongo
