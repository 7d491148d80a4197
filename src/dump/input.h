#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/result.h"

namespace varve::dump {

/// Fills what it is given from the front and says how much; 0 at the end.
using ReadInto = std::function<Result<size_t>(std::span<uint8_t> into)>;

/// An open file, read by one thread.
class InputFile {
 public:
  InputFile() = default;
  explicit InputFile(int fd) : fd_(fd) {}
  InputFile(InputFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  InputFile& operator=(InputFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~InputFile();

  /// A regular file in the folder `folder`; kDenied for a link.
  static Result<InputFile> open(int folder, const std::string& name, const std::string& shown);
  /// A file or pipe that the user named; links are followed.
  static Result<InputFile> open_path(const std::string& path);
  int fd() const { return fd_; }
  /// 0 for what is no regular file.
  uint64_t size() const;

 private:
  static Result<InputFile> opened(int fd, const std::string& shown, bool pipes);

  int fd_ = -1;
};

/// Bytes of the file, waiting for a pipe's; kCancelled as soon as `cancel` stops. The file is kept open by it.
ReadInto reading(std::shared_ptr<const InputFile> file, Cancel cancel);

/// A stream that can be looked ahead into. Holds what was looked at and at most a megabyte more: a size that somebody
/// claims costs nothing until the bytes are there.
class LookAhead {
 public:
  explicit LookAhead(ReadInto source) : source_(std::move(source)) {}

  /// The next bytes: at least `size`, or all that are left. Valid until the next call.
  Result<ByteView> peek(size_t size);
  void take(size_t size);
  /// How many bytes were taken.
  uint64_t offset() const { return offset_; }

 private:
  ReadInto source_;
  Bytes buffer_;
  size_t begin_ = 0;
  uint64_t offset_ = 0;
  bool ended_ = false;
};

/// The next document, valid BSON, not taken yet. Empty at the end of the stream, and where `stop`, a length that no
/// document has, stands in place of one. kCorrupt, with the offset, for anything else.
Result<ByteView> next_document(LookAhead& input, uint32_t stop = 0xffffffff);
/// The same and whatever whole documents follow it and are there already.
Result<ByteView> next_documents(LookAhead& input, uint32_t stop = 0xffffffff);

}  // namespace varve::dump
