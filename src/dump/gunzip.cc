#include "dump/gunzip.h"

#include <new>

#include <fmt/format.h>
#include <zlib.h>

#include "bson/view.h"

namespace varve::dump {

namespace {

constexpr int kGzipFormat = 16;  // added to the window's bits
constexpr size_t kPiece = 64u << 10;

/// Gzip's first bytes: its magic, its only method, flags of which the upper three are reserved.
bool begins_as_gzip(ByteView head) {
  return head.size() >= 10 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 0x08 && head[3] < 0x20;
}

/// A document of 559,903 bytes begins as gzip does where no flag is set.
Result<bool> is_gzip(LookAhead& input) {
  constexpr size_t kAlike = 0x00088b1f;
  TRY_ASSIGN(auto bytes, input.peek(10));
  if (!begins_as_gzip(bytes)) return false;
  if (load_le<uint32_t>(bytes.data()) != kAlike) return true;
  TRY_ASSIGN(bytes, input.peek(kAlike));
  return bytes.size() < kAlike || !bson::validate(bytes.first(kAlike));
}

class GzipReader {
 public:
  explicit GzipReader(std::shared_ptr<LookAhead> input) : input_(std::move(input)) {
    if (::inflateInit2(&stream_, MAX_WBITS + kGzipFormat) != Z_OK) throw std::bad_alloc();
  }
  ~GzipReader() { ::inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  Result<size_t> read(std::span<uint8_t> into) {
    while (true) {
      TRY_ASSIGN(const auto bytes, input_->peek(1));
      if (bytes.empty() && between_members_) return 0;
      if (between_members_ && begun_) ::inflateReset(&stream_);
      between_members_ = false;
      begun_ = true;
      TRY_ASSIGN(const auto made, inflate(bytes.first(std::min(bytes.size(), kPiece)), into));
      if (made > 0) return made;
      if (bytes.empty() && !between_members_) return broken("it ends in the middle of what was compressed");
    }
  }

 private:
  Result<size_t> inflate(ByteView bytes, std::span<uint8_t> into) {
    stream_.next_in = const_cast<uint8_t*>(bytes.data());  // zlib does not write there
    stream_.avail_in = static_cast<uInt>(bytes.size());
    stream_.next_out = into.data();
    stream_.avail_out = static_cast<uInt>(into.size());
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      return broken(stream_.msg != nullptr ? stream_.msg : "it is not what gzip writes");
    }
    input_->take(bytes.size() - stream_.avail_in);
    between_members_ = status == Z_STREAM_END;
    return into.size() - stream_.avail_out;
  }

  tl::unexpected<Error> broken(const std::string& what) const {
    return fail(ErrorKind::kCorrupt, fmt::format("at byte {} of the compressed file: {}", input_->offset(), what));
  }

  std::shared_ptr<LookAhead> input_;
  z_stream stream_{};
  bool between_members_ = true, begun_ = false;
};

}  // namespace

Result<PlainInput> plain(ReadInto source) {
  auto input = std::make_shared<LookAhead>(std::move(source));
  TRY_ASSIGN(const bool gzip, is_gzip(*input));
  if (gzip) {
    auto reader = std::make_shared<GzipReader>(std::move(input));
    return PlainInput{[reader = std::move(reader)](std::span<uint8_t> into) { return reader->read(into); }, true};
  }
  const auto pass = [input = std::move(input)](std::span<uint8_t> into) -> Result<size_t> {
    TRY_ASSIGN(const auto bytes, input->peek(1));
    const size_t size = std::min(bytes.size(), into.size());
    std::copy_n(bytes.begin(), size, into.begin());
    input->take(size);
    return size;
  };
  return PlainInput{pass, false};
}

}  // namespace varve::dump
