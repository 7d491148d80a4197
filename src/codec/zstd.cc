#include "codec/zstd.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <zstd.h>
#include <zstd_errors.h>

namespace varve::codec {

namespace {

void must(size_t result) {
  if (ZSTD_isError(result) == 0) return;
  std::fprintf(stderr, "varve: zstd failed: %s\n", ZSTD_getErrorName(result));
  std::abort();
}

// Up to level 19 libzstd's windows are at most 8 MiB, and no wider than the data.
// Measured (docs/performance.md): level 2 compresses documents within 1 % of level 3 at 1.5 times its speed; beyond 12
// a gain of a few percent costs ten times the time.
int level_of(Compression level) {
  switch (level) {
    case Compression::kFastest:
      return 1;
    case Compression::kBetter:
      return 8;
    case Compression::kMax:
      return 12;
    case Compression::kOff:
    case Compression::kAuto:
      break;
  }
  return 2;
}

/// No frame can hold more: a block makes at most 128 KiB and takes at least four bytes.
uint64_t most_content(ByteView frame) {
  return (frame.size() / 4 + 1) * (uint64_t{128} << 10);
}

tl::unexpected<Error> corrupt(std::string_view what) {
  return fail(ErrorKind::kCorrupt, "compressed data is damaged: " + std::string(what));
}

/// One frame and nothing after it; skippable frames are not content.
Status check_single_frame(ByteView frame) {
  if (frame.size() < sizeof(uint32_t) || load_le<uint32_t>(frame.data()) != ZSTD_MAGICNUMBER) {
    return corrupt("it is no zstd frame");
  }
  const size_t size = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_isError(size) != 0) return corrupt(ZSTD_getErrorName(size));
  if (size != frame.size()) return corrupt("something follows the frame");
  return {};
}

}  // namespace

struct Compressor::State {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), &ZSTD_freeCCtx};
};

Compressor::Compressor(Compression level) : state_(std::make_unique<State>()) {
  must(ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_compressionLevel, level_of(level)));
  must(ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_contentSizeFlag, 1));
  must(ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_checksumFlag, 0));
}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::compress(ByteView data, Bytes& out) {
  const size_t start = out.size();
  out.resize(start + ZSTD_compressBound(data.size()));
  const size_t size =
      ZSTD_compress2(state_->context.get(), out.data() + start, out.size() - start, data.data(), data.size());
  must(size);
  out.resize(start + size);
}

struct Decompressor::State {
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), &ZSTD_freeDCtx};

  Bytes window;       // what a stream gives at once
  size_t wanted = 0;  // by a stream, before its frame ends

  size_t run(ByteView frame, Bytes& out) {
    return ZSTD_decompressDCtx(context.get(), out.data(), out.size(), frame.data(), frame.size());
  }
};

Decompressor::Decompressor() : state_(std::make_unique<State>()) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Result<Bytes> Decompressor::decompress_exactly(ByteView frame, size_t plain_size) {
  TRY(check_single_frame(frame));
  const uint64_t declared = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if ((declared != ZSTD_CONTENTSIZE_UNKNOWN && declared != plain_size) || plain_size > most_content(frame)) {
    return corrupt("its content has another length than recorded");
  }
  Bytes plain(plain_size);
  const size_t size = state_->run(frame, plain);
  if (ZSTD_isError(size) != 0) return corrupt(ZSTD_getErrorName(size));
  if (size != plain_size) return corrupt("its content has another length than recorded");
  return plain;
}

void Decompressor::begin() {
  must(ZSTD_DCtx_reset(state_->context.get(), ZSTD_reset_session_only));
  state_->window.resize(ZSTD_DStreamOutSize());
  state_->wanted = 1;
}

Status Decompressor::feed(ByteView piece, const std::function<void(ByteView)>& take) {
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  bool more = true;  // may be waiting inside, though all of the piece is
  while (in.pos < in.size || more) {
    if (state_->wanted == 0) return in.pos < in.size ? Status(corrupt("something follows the frame")) : Status();
    ZSTD_outBuffer out{state_->window.data(), state_->window.size(), 0};
    state_->wanted = ZSTD_decompressStream(state_->context.get(), &out, &in);
    if (ZSTD_isError(state_->wanted) != 0) return corrupt(ZSTD_getErrorName(state_->wanted));
    if (out.pos > 0) take(ByteView(state_->window).first(out.pos));
    more = out.pos == out.size;
  }
  return {};
}

Status Decompressor::end() const {
  return state_->wanted == 0 ? Status() : corrupt("it ends too early");
}

Result<Bytes> Decompressor::decompress_up_to(ByteView frame, size_t limit) {
  TRY(check_single_frame(frame));
  const uint64_t declared = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (declared != ZSTD_CONTENTSIZE_UNKNOWN) {
    if (declared > limit) return corrupt("its content is longer than can be");
    return decompress_exactly(frame, declared);
  }
  // Whole frames into ever larger buffers, not a stream: a stream would take the window that the frame asks for, which
  // may be far wider than its content.
  const size_t most = std::min<uint64_t>(limit, most_content(frame));
  for (size_t room = std::min(most, frame.size() * 8 + 1024);; room = std::min(most, room * 4)) {
    Bytes plain(room);
    const size_t size = state_->run(frame, plain);
    if (ZSTD_isError(size) == 0) {
      plain.resize(size);
      return plain;
    }
    if (ZSTD_getErrorCode(size) != ZSTD_error_dstSize_tooSmall) return corrupt(ZSTD_getErrorName(size));
    if (room == most) return corrupt("its content is longer than can be");
  }
}

}  // namespace varve::codec
