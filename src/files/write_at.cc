#include "files/write_at.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "codec/sha256.h"

namespace varve::files {

namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kLarge = 128u << 10;  // bytes: of less, each on its own way would be too many

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80  // Linux 6.14
#endif

/// pwrite(2). What is large is on its way to the disk at once and then forgotten, where the kernel can do that: the
/// wait for the disk in the end is short, the same few pages are used again and again, and what others have in the
/// cache stays there.
ssize_t write_some(int file, ByteView bytes, off_t offset) {
  if (bytes.size() < kLarge) return ::pwrite(file, bytes.data(), bytes.size(), offset);
  const iovec piece{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  const ssize_t sent = ::pwritev2(file, &piece, 1, offset, RWF_DONTCACHE);
  if (sent >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) return sent;
  return ::pwrite(file, bytes.data(), bytes.size(), offset);
}

bool is_zero(ByteView bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::equal(bytes.begin() + 1, bytes.end(), bytes.begin()));
}

/// How many bytes from `offset` on lie in its block.
size_t in_block(ByteView bytes, uint64_t offset) {
  return std::min(bytes.size(), kBlock - static_cast<size_t>(offset % kBlock));
}

/// False at the end of the file.
Result<bool> read_whole(const Fd& file, Bytes& out, uint64_t offset) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(file.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got == 0) return false;
    if (got < 0 && errno != EINTR) return fail(system_error("cannot read it", errno));
    if (got > 0) done += static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

Result<Fd> open_regular(const Fd& folder, const std::string& name, int flags) {
  const int number = ::openat(folder.get(), name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (number < 0) return fail(system_error("cannot open it", errno));
  Fd fd(number);
  struct stat info;
  if (::fstat(number, &info) != 0) return fail(system_error("cannot look at it", errno));
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::kExists, "it is not a regular file");
  return fd;
}

Status write_at(const Fd& file, ByteView bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t done = write_some(file.get(), bytes, static_cast<off_t>(offset));
    if (done < 0 && errno != EINTR) return fail(system_error("cannot write it", errno));
    if (done <= 0) continue;
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += static_cast<uint64_t>(done);
  }
  return {};
}

Status write_around_zeros(const Fd& file, ByteView bytes, uint64_t offset) {
  while (!bytes.empty()) {
    size_t length = 0;
    while (length < bytes.size()) {
      const auto block = bytes.subspan(length, in_block(bytes.subspan(length), offset + length));
      if (is_zero(block)) break;
      length += block.size();
    }
    TRY(write_at(file, bytes.first(length), offset));
    if (length < bytes.size()) length += in_block(bytes.subspan(length), offset + length);  // the zeros
    bytes = bytes.subspan(length);
    offset += length;
  }
  return {};
}

Result<std::vector<bool>> matching_blobs(const Fd& file, const std::vector<Id>& content,
                                         const std::vector<uint32_t>& lengths, const Cancel& cancel) {
  std::vector<bool> matches(content.size());
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return fail(system_error("cannot look at it", errno));
  Bytes bytes;
  uint64_t offset = 0;
  for (size_t i = 0; i < content.size(); ++i) {
    TRY(cancel.check());
    if (offset + lengths[i] > static_cast<uint64_t>(info.st_size)) break;
    bytes.resize(lengths[i]);
    TRY_ASSIGN(const bool whole, read_whole(file, bytes, offset));
    if (!whole) break;
    matches[i] = codec::sha256(bytes) == content[i];
    offset += lengths[i];
  }
  return matches;
}

}  // namespace varve::files
