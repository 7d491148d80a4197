#include "dump/input.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bson/view.h"

namespace varve::dump {

namespace {

constexpr size_t kStep = 1u << 20;
/// A pipe that nobody writes to yet keeps us where we can be stopped: when it is read.
constexpr int kFileFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
/// What a server stores at most, and an oplog entry around it.
constexpr size_t kLargestDocument = 17u << 20;

/// Waits until there is something to read. A regular file never lets anybody wait.
Status wait_for(int fd, const Cancel& cancel) {
  const InputFile wake(::eventfd(0, EFD_CLOEXEC));
  if (wake.fd() < 0) return fail(system_error("cannot wait for input", errno));
  const std::stop_callback on_stop(cancel.token(), [&] { (void)::eventfd_write(wake.fd(), 1); });
  while (true) {
    TRY(cancel.check());
    pollfd waited[] = {{fd, POLLIN, 0}, {wake.fd(), POLLIN, 0}};
    if (::poll(waited, 2, -1) < 0 && errno != EINTR) return fail(system_error("cannot wait for input", errno));
    if (waited[0].revents != 0) return {};
  }
}

tl::unexpected<Error> damage(uint64_t offset, const std::string& what) {
  return fail(ErrorKind::kCorrupt, fmt::format("at byte {}: {}", offset, what));
}

}  // namespace

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<InputFile> InputFile::open(int folder, const std::string& name, const std::string& shown) {
  const int fd = ::openat(folder, name.c_str(), kFileFlags | O_NOFOLLOW);
  if (fd < 0 && errno == ELOOP) {
    return fail(Error(ErrorKind::kDenied, shown + " is a link; links inside a dump are not followed")
                    .hint("put the file itself there, or take the link out"));
  }
  return opened(fd, shown, false);
}

Result<InputFile> InputFile::open_path(const std::string& path) {
  return opened(::open(path.c_str(), kFileFlags), path, true);
}

Result<InputFile> InputFile::opened(int fd, const std::string& shown, bool pipes) {
  if (fd < 0) return fail(system_error("cannot open " + shown, errno));
  InputFile file(fd);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail(system_error("cannot look at " + shown, errno));
  if (S_ISDIR(status.st_mode)) return fail(ErrorKind::kInvalidInput, shown + " is a folder, not a file");
  if (!S_ISREG(status.st_mode) && !pipes) return fail(ErrorKind::kInvalidInput, shown + " is no regular file");
  return file;
}

uint64_t InputFile::size() const {
  struct stat status {};
  return ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;
}

ReadInto reading(std::shared_ptr<const InputFile> file, Cancel cancel) {
  return [file = std::move(file), cancel = std::move(cancel)](std::span<uint8_t> into) -> Result<size_t> {
    while (true) {
      TRY(wait_for(file->fd(), cancel));
      const ssize_t got = ::read(file->fd(), into.data(), into.size());
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR && errno != EAGAIN) return fail(system_error("cannot read", errno));
    }
  };
}

Result<ByteView> LookAhead::peek(size_t size) {
  while (buffer_.size() - begin_ < size && !ended_) {
    if (begin_ > 0) {
      buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
    }
    const size_t filled = buffer_.size();
    buffer_.resize(filled + kStep);
    auto got = source_(std::span(buffer_).subspan(filled));
    buffer_.resize(filled + got.value_or(0));
    TRY(got);
    ended_ = *got == 0;
  }
  return ByteView(buffer_).subspan(begin_);
}

void LookAhead::take(size_t size) {
  begin_ += size;
  offset_ += size;
}

Result<ByteView> next_document(LookAhead& input, uint32_t stop) {
  TRY_ASSIGN(auto bytes, input.peek(sizeof(uint32_t)));
  if (bytes.empty()) return bytes;
  if (bytes.size() < sizeof(uint32_t)) return damage(input.offset(), "it ends in the middle of a document's length");
  const auto length = load_le<uint32_t>(bytes.data());
  if (length == stop) return bytes.first(0);
  if (length < 5 || length > kLargestDocument) {
    return damage(input.offset(), fmt::format("a document cannot have {} bytes", length));
  }
  TRY_ASSIGN(bytes, input.peek(length));
  if (bytes.size() < length) {
    return damage(input.offset(), fmt::format("it ends in the middle of a document: {} of its {} bytes are there",
                                              bytes.size(), length));
  }
  const auto sound = bson::validate(bytes.first(length));
  if (!sound) return damage(input.offset(), "a document is damaged: " + sound.error().message());
  return bytes.first(length);
}

Result<ByteView> next_documents(LookAhead& input, uint32_t stop) {
  TRY_ASSIGN(const auto first, next_document(input, stop));
  if (first.empty()) return first;
  TRY_ASSIGN(const auto bytes, input.peek(first.size()));
  size_t whole = first.size();
  while (const auto size = bson::check_framing(bytes.subspan(whole), kLargestDocument)) {
    const auto sound = bson::validate(bytes.subspan(whole, *size));
    if (!sound) return damage(input.offset() + whole, "a document is damaged: " + sound.error().message());
    whole += *size;
  }
  return bytes.first(whole);
}

}  // namespace varve::dump
