#include "dump/gzip.h"

#include <array>
#include <new>

#include <zlib.h>

namespace varve::dump {

namespace {

constexpr int kGzipFormat = 16;         // added to the window's bits
constexpr int kMemoryLevel = 8;         // zlib's default
constexpr size_t kMaxPiece = 1u << 30;  // zlib counts in 32 bits

}  // namespace

struct GzipWriter::State {
  Sink sink;
  z_stream stream{};
  std::array<uint8_t, 64 << 10> out;
};

GzipWriter::GzipWriter(Sink sink) : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  if (::deflateInit2(&state_->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzipFormat, kMemoryLevel,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

GzipWriter::~GzipWriter() {
  ::deflateEnd(&state_->stream);
}

Status GzipWriter::write(ByteView bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kMaxPiece));
    bytes = bytes.subspan(piece.size());
    state_->stream.next_in = const_cast<uint8_t*>(piece.data());  // zlib does not write there
    state_->stream.avail_in = static_cast<uInt>(piece.size());
    TRY(deflate(Z_NO_FLUSH));
  }
  return {};
}

Status GzipWriter::finish() {
  return deflate(Z_FINISH);
}

Status GzipWriter::deflate(int flush) {
  auto& [sink, stream, out] = *state_;
  do {
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, flush);  // fails only where it is called out of turn
    const size_t made = out.size() - stream.avail_out;
    if (made > 0) TRY(sink(ByteView(out.data(), made)));
  } while (stream.avail_out == 0);
  return {};
}

}  // namespace varve::dump
