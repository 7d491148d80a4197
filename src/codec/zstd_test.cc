#include "codec/zstd.h"

#include <gtest/gtest.h>
#include <zstd.h>

namespace varve::codec {
namespace {

constexpr size_t kMiB = 1u << 20;

Bytes compressible(size_t size) {
  Bytes data(size);
  uint32_t state = 1;
  for (uint8_t& b : data) {
    state = state * 1664525 + 1013904223;
    b = "etaoin shrdlu\n"[(state >> 24) % 14];
  }
  return data;
}

Bytes compressed(ByteView data, Compression level = Compression::kAuto) {
  Bytes out;
  Compressor(level).compress(data, out);
  return out;
}

/// As other writers make them: without the content's size, and with a window far wider than it.
Bytes streamed(ByteView data) {
  Bytes out(ZSTD_compressBound(data.size()));
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  EXPECT_EQ(ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush), 0);
  EXPECT_EQ(ZSTD_compressStream2(context, &to, &in, ZSTD_e_end), 0);
  ZSTD_freeCCtx(context);
  out.resize(to.pos);
  return out;
}

void expect_corrupt(const Result<Bytes>& result) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt);
}

TEST(Zstd, RoundTripsAtEveryLevelAndSize) {
  Decompressor reader;
  for (auto level :
       {Compression::kOff, Compression::kFastest, Compression::kAuto, Compression::kBetter, Compression::kMax}) {
    Compressor writer(level);
    for (size_t size : {0, 1, 255, 256, 257, 70000, 1000000}) {
      const Bytes data = compressible(size);
      Bytes frame;
      writer.compress(data, frame);
      EXPECT_EQ(reader.decompress_exactly(frame, size), data) << size;
      EXPECT_EQ(reader.decompress_up_to(frame, size), data) << size;
    }
  }
}

TEST(Zstd, AppendsOneFrameWithItsContentSize) {
  Bytes out = {1, 2, 3};
  Compressor().compress(compressible(kMiB), out);
  const auto frame = ByteView(out).subspan(3);
  EXPECT_EQ(ZSTD_findFrameCompressedSize(frame.data(), frame.size()), frame.size());
  EXPECT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), kMiB);
  EXPECT_EQ(frame[4] & 4, 0) << "checksum flag";
}

TEST(Zstd, KeepsTheWindowWithin8MiB) {
  const Bytes frame = compressed(Bytes(40 * kMiB, 'x'), Compression::kMax);
  ASSERT_EQ(frame[4] & 0x20, 0) << "a single segment's window is its content";
  EXPECT_LE(10 + (frame[5] >> 3), 23);
}

/// What a frame holds that comes in pieces of `step` bytes.
Result<Bytes> in_pieces(Decompressor& decompressor, ByteView frame, size_t step) {
  Bytes plain;
  decompressor.begin();
  for (; !frame.empty(); frame = frame.subspan(std::min(step, frame.size()))) {
    TRY(decompressor.feed(frame.first(std::min(step, frame.size())), [&](ByteView piece) { append(plain, piece); }));
  }
  TRY(decompressor.end());
  return plain;
}

TEST(Decompress, InPiecesGivesTheSame) {
  Decompressor decompressor;
  for (const size_t size : {size_t{0}, size_t{1}, 100'000 + kMiB, 8 * kMiB}) {
    const Bytes data = compressible(size);
    for (const size_t step : {size_t{777}, size_t{64} << 10, 16 * kMiB}) {
      const auto plain = in_pieces(decompressor, compressed(data), step);
      ASSERT_TRUE(plain) << size << " in pieces of " << step;
      EXPECT_EQ(*plain, data) << size << " in pieces of " << step;
    }
  }
}

TEST(Decompress, InPiecesRefusesAFrameCutShortAndWhatFollowsOne) {
  Decompressor decompressor;
  const Bytes frame = compressed(compressible(kMiB));
  for (const size_t size : {size_t{0}, size_t{3}, frame.size() / 2, frame.size() - 1}) {
    EXPECT_FALSE(in_pieces(decompressor, ByteView(frame).first(size), 1000)) << size;
  }
  Bytes longer = frame;
  longer.push_back(0);
  for (const size_t step : {frame.size(), frame.size() + 1}) EXPECT_FALSE(in_pieces(decompressor, longer, step));
  EXPECT_FALSE(in_pieces(decompressor, Bytes(1000, 7), 1000));
  EXPECT_TRUE(in_pieces(decompressor, frame, 1000));
}

TEST(Decompress, TakesFramesOfUnknownLength) {
  Decompressor reader;
  for (size_t size : {0, 1, 100, 5000, 3000000}) {
    for (const Bytes& data : {compressible(size), Bytes(size, 0)}) {
      const Bytes frame = streamed(data);
      EXPECT_EQ(reader.decompress_exactly(frame, size), data) << size;
      EXPECT_EQ(reader.decompress_up_to(frame, size), data) << size;
      EXPECT_EQ(reader.decompress_up_to(frame, 64 * kMiB), data) << size;
    }
  }
}

TEST(Decompress, RefusesAnyOtherLength) {
  Decompressor reader;
  for (const Bytes& frame : {compressed(compressible(5000)), streamed(compressible(5000))}) {
    for (size_t size : {size_t{0}, size_t{4999}, size_t{5001}, size_t{100000}, ~size_t{0} / 2}) {
      expect_corrupt(reader.decompress_exactly(frame, size));
    }
    expect_corrupt(reader.decompress_up_to(frame, 4999));
    expect_corrupt(reader.decompress_up_to(frame, 0));
  }
}

TEST(Decompress, RefusesBombsBeforeTheyAreUnpacked) {
  Decompressor reader;
  for (const Bytes& frame : {compressed(Bytes(64 * kMiB, 0)), streamed(Bytes(64 * kMiB, 0))}) {
    ASSERT_LT(frame.size(), 16384);
    expect_corrupt(reader.decompress_up_to(frame, kMiB));
  }
}

TEST(Decompress, DoesNotBelieveAFrameThatBoasts) {
  const auto claiming_exbibytes = *from_hex("28b52ffde00000000000000040010000");
  expect_corrupt(Decompressor().decompress_up_to(claiming_exbibytes, ~size_t{0}));
  expect_corrupt(Decompressor().decompress_exactly(claiming_exbibytes, size_t{1} << 62));
}

TEST(Decompress, RefusesTruncatedFramesAndWhatFollowsOne) {
  Decompressor reader;
  Bytes frame = compressed(compressible(5000));
  for (size_t size = 0; size < frame.size(); ++size) {
    expect_corrupt(reader.decompress_exactly(ByteView(frame).first(size), 5000));
    expect_corrupt(reader.decompress_up_to(ByteView(frame).first(size), kMiB));
  }
  frame.push_back(0);
  expect_corrupt(reader.decompress_exactly(frame, 5000));
  const Bytes twice = [] {
    Bytes out;
    for (int i = 0; i < 2; ++i) Compressor().compress(as_bytes("half"), out);
    return out;
  }();
  expect_corrupt(reader.decompress_exactly(twice, 8));
  expect_corrupt(reader.decompress_up_to(twice, 8));
}

TEST(Decompress, RefusesGarbageAndSkippableFrames) {
  Decompressor reader;
  expect_corrupt(reader.decompress_up_to({}, kMiB));
  expect_corrupt(reader.decompress_up_to(as_bytes("{\"nodes\":[]}"), kMiB));
  const Bytes skippable = {0x50, 0x2a, 0x4d, 0x18, 0x01, 0x00, 0x00, 0x00, 0xaa};
  expect_corrupt(reader.decompress_up_to(skippable, kMiB));
  expect_corrupt(reader.decompress_exactly(skippable, 0));
}

TEST(Decompress, IsUsableAfterAnError) {
  Decompressor reader;
  Bytes bad = compressed(compressible(5000));
  bad[bad.size() / 2] ^= 0x55;
  (void)reader.decompress_exactly(bad, 5000);
  EXPECT_EQ(reader.decompress_exactly(compressed(compressible(77)), 77), compressible(77));
}

}  // namespace
}  // namespace varve::codec
