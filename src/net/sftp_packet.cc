#include "net/sftp_packet.h"

#include <sys/stat.h>

namespace varve::net {

namespace {

constexpr uint32_t kHasSize = 1, kHasOwner = 2, kHasMode = 4, kHasTimes = 8, kHasMore = 0x80000000;

template <typename T>
T big_endian(ByteView bytes) {
  T number = 0;
  for (const uint8_t byte : bytes) number = static_cast<T>(number << 8 | byte);
  return number;
}

bool is_kind(const std::optional<uint32_t>& mode, uint32_t kind) {
  return mode && (*mode & S_IFMT) == kind;
}

}  // namespace

SftpFields& SftpFields::u32(uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes_.push_back(static_cast<uint8_t>(number >> shift));
  return *this;
}

SftpFields& SftpFields::u64(uint64_t number) {
  return u32(static_cast<uint32_t>(number >> 32)).u32(static_cast<uint32_t>(number));
}

SftpFields& SftpFields::string(std::string_view text) {
  u32(static_cast<uint32_t>(text.size()));
  append(bytes_, as_bytes(text));
  return *this;
}

SftpFields& SftpFields::mode(uint32_t mode) {
  return u32(kHasMode).u32(mode);
}

bool SftpAttributes::is_file() const {
  return is_kind(mode, S_IFREG);
}

bool SftpAttributes::is_folder() const {
  return is_kind(mode, S_IFDIR);
}

bool SftpAttributes::is_link() const {
  return is_kind(mode, S_IFLNK);
}

ByteView SftpParser::take(size_t size) {
  if (size > rest_.size()) {
    good_ = false;
    rest_ = {};
    return {};
  }
  const ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

uint8_t SftpParser::u8() {
  return big_endian<uint8_t>(take(1));
}

uint32_t SftpParser::u32() {
  return big_endian<uint32_t>(take(4));
}

uint64_t SftpParser::u64() {
  return big_endian<uint64_t>(take(8));
}

ByteView SftpParser::string() {
  return take(u32());
}

std::string SftpParser::text() {
  return std::string(as_text(string()));
}

SftpAttributes SftpParser::attributes() {
  SftpAttributes out;
  const uint32_t flags = u32();
  if ((flags & kHasSize) != 0) out.size = u64();
  if ((flags & kHasOwner) != 0) take(8);
  if ((flags & kHasMode) != 0) out.mode = u32();
  if ((flags & kHasTimes) != 0) take(8);
  if ((flags & kHasMore) != 0) {
    for (uint32_t left = u32(); left > 0 && good_; --left) {
      string();
      string();
    }
  }
  return out;
}

}  // namespace varve::net
