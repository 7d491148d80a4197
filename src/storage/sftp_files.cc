#include "storage/sftp_files.h"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "storage/http_files.h"
#include "storage/posix.h"

namespace varve::storage {

namespace {

using net::SftpCode;
using net::SftpFields;
using net::SftpParser;
using net::SftpType;

constexpr size_t kWindow = 4u << 20;  // bytes of a file under way; about what a line of 1 Gbit/s and 30 ms holds
constexpr const char* kSync = "fsync@openssh.com";

/// OpenSSH has more to say only for what is not in this list.
Error status_error(SftpCode code, const std::string& message, const std::string& what) {
  const auto told = fmt::format("cannot {}: the server says: {}", what, message.empty() ? "no reason" : message);
  const auto error = [&] {
    switch (code) {
      case SftpCode::kNotFound:
        return Error(ErrorKind::kNotFound, fmt::format("cannot {}: it is not there", what));
      case SftpCode::kDenied:
        return Error(ErrorKind::kDenied, told)
            .hint(
                "the account that logs in there needs the right to read and to write in all folders of the repository");
      case SftpCode::kUnsupported:
      case SftpCode::kBadMessage:
        return Error(ErrorKind::kUnsupported, told);
      default:
        return Error(ErrorKind::kUnavailable, told);
    }
  };
  return error().with_code(static_cast<int>(code));
}

bool says(const Error& error, SftpCode code) {
  return error.code() == static_cast<int>(code);
}

Error odd_answer(const std::string& what) {
  return Error(ErrorKind::kUnavailable, fmt::format("cannot {}: the server's answer is not understood", what));
}

}  // namespace

Result<net::SftpReply> SftpFiles::take(SftpType expected, const std::string& what) {
  TRY_ASSIGN(auto reply, calls_.receive());
  if (reply.type == expected) return reply;
  if (reply.type != SftpType::kStatus) return fail(odd_answer(what));
  SftpParser parser(reply.body);
  const auto code = static_cast<SftpCode>(parser.u32());
  if (!parser.good() || code == SftpCode::kOk) return fail(odd_answer(what));
  return fail(status_error(code, parser.text(), what));
}

Result<std::string> SftpFiles::take_handle(const std::string& what) {
  TRY_ASSIGN(const auto reply, take(SftpType::kHandle, what));
  SftpParser parser(reply.body);
  auto handle = parser.text();
  if (!parser.good()) return fail(odd_answer(what));
  return handle;
}

Result<net::SftpAttributes> SftpFiles::take_attributes(const std::string& what) {
  TRY_ASSIGN(const auto reply, take(SftpType::kAttributes, what));
  SftpParser parser(reply.body);
  const auto attributes = parser.attributes();
  if (!parser.good()) return fail(odd_answer(what));
  return attributes;
}

Status SftpFiles::take_status(const std::string& what) {
  TRY_ASSIGN(const auto reply, take(SftpType::kStatus, what));
  SftpParser parser(reply.body);
  const auto code = static_cast<SftpCode>(parser.u32());
  if (!parser.good()) return fail(odd_answer(what));
  if (code == SftpCode::kOk) return {};
  return fail(status_error(code, parser.text(), what));
}

Result<net::SftpAttributes> SftpFiles::stat(const std::string& path) {
  TRY(calls_.send(SftpType::kStat, SftpFields().string(path)));
  return take_attributes("look at " + shown(path));
}

/// A server that cannot read what it has opened does not say why: if it cannot a second time, too, the bytes are lost.
Result<Bytes> SftpFiles::read(const std::string& path, uint64_t offset, uint64_t length) {
  auto bytes = read_once(path, offset, length);
  const bool again = !bytes && bytes.error().kind() == ErrorKind::kCorrupt && says(bytes.error(), SftpCode::kFailure);
  return again ? read_once(path, offset, length) : std::move(bytes);
}

Result<Bytes> SftpFiles::read_once(const std::string& path, uint64_t offset, uint64_t length) {
  const auto what = "read " + shown(path);
  TRY(calls_.send(SftpType::kOpen, SftpFields().string(path).u32(net::kSftpRead).no_attributes()));
  TRY(calls_.send(SftpType::kStat, SftpFields().string(path)));
  const auto handle = take_handle(what);
  const auto attributes = take_attributes(what);
  if (!handle) return fail(handle.error());
  auto bytes = [&]() -> Result<Bytes> {
    if (!attributes) return fail(attributes.error());
    if (!attributes->size) return fail(odd_answer(what));
    const uint64_t size = *attributes->size;
    if (offset > size || length > size - offset) {
      return fail(ErrorKind::kCorrupt, fmt::format("{} is too short: it has {} bytes, and not {} from {}", shown(path),
                                                   size, length, offset));
    }
    const uint64_t wanted = length == 0 ? size - offset : length;
    if (wanted > kLargestFile)
      return fail(ErrorKind::kCorrupt, fmt::format("{} is too long: it has {} bytes", shown(path), size));
    Bytes out(wanted);
    TRY(read_parts(*handle, path, offset, out));
    return out;
  }();
  calls_.forget();
  (void)calls_.send(SftpType::kClose, SftpFields().string(*handle));
  calls_.forget();  // nobody waits for that
  return bytes;
}

/// A server may give less than it is asked for: then it is asked for the rest.
Status SftpFiles::read_parts(const std::string& handle, const std::string& path, uint64_t offset,
                             std::span<uint8_t> out) {
  const auto what = "read " + shown(path);
  const size_t at_once = calls_.server().max_read;
  std::deque<std::span<uint8_t>> asked;
  const auto ask = [&](std::span<uint8_t> part) {
    asked.push_back(part);
    return calls_.send(SftpType::kRead, SftpFields()
                                            .string(handle)
                                            .u64(offset + static_cast<uint64_t>(part.data() - out.data()))
                                            .u32(static_cast<uint32_t>(part.size())));
  };
  size_t next = 0;
  while (next < out.size() || !asked.empty()) {
    while (next < out.size() && (asked.empty() || asked.size() * at_once < kWindow)) {
      const auto part = out.subspan(next, std::min(at_once, out.size() - next));
      TRY(ask(part));
      next += part.size();
    }
    const auto part = asked.front();
    asked.pop_front();
    const auto reply = take(SftpType::kData, what);
    if (!reply && (says(reply.error(), SftpCode::kEnd) || says(reply.error(), SftpCode::kFailure))) {
      // What else keeps a server from reading what it has opened is a medium that cannot give it.
      return fail(Error(ErrorKind::kCorrupt,
                        fmt::format("{} cannot be read to its end: {}", shown(path), reply.error().message()))
                      .with_code(reply.error().code()));
    }
    if (!reply) return fail(reply.error());
    SftpParser parser(reply->body);
    const ByteView data = parser.string();
    if (!parser.good() || data.empty() || data.size() > part.size()) return fail(odd_answer(what));
    std::ranges::copy(data, part.begin());
    if (data.size() < part.size()) TRY(ask(part.subspan(data.size())));
    TRY(calls_.pay_download(data.size()));
  }
  return {};
}

Status SftpFiles::remove(const std::string& path) {
  const auto what = "remove " + shown(path);
  const auto attempt = [&]() -> Status {
    TRY(calls_.send(SftpType::kRemove, SftpFields().string(path)));
    return take_status(what);
  };
  auto done = attempt();
  if (done || done.error().kind() != ErrorKind::kDenied) return done;
  // Some systems do not remove what may not be written.
  TRY_ASSIGN(const auto reply, calls_.call(SftpType::kSetStat, SftpFields().string(path).mode(0600)));
  return attempt();
}

Status SftpFiles::sync_folder(const std::string& path) {
  if (!calls_.server().has(kSync)) return {};
  const auto what = "force to disk the folder " + shown(path);
  TRY(calls_.send(SftpType::kOpen, SftpFields().string(path).u32(net::kSftpRead).no_attributes()));
  const auto handle = take_handle(what);
  if (!handle && handle.error().code() != 0 && !opens_folders_) return {};  // it opens none
  if (!handle && handle.error().code() != 0) return fail(ErrorKind::kUnavailable, handle.error().message());
  if (!handle) return fail(handle.error());
  opens_folders_ = true;
  TRY(calls_.send(SftpType::kExtended, SftpFields().string(kSync).string(*handle)));
  TRY(calls_.send(SftpType::kClose, SftpFields().string(*handle)));
  const auto done = take_status(what);
  TRY(calls_.receive());
  if (!done && done.error().code() != 0 && !says(done.error(), SftpCode::kFailure)) return {};
  return done;
}

Status SftpFiles::make_folders(std::span<const std::string> paths, uint32_t mode) {
  for (const auto& path : paths) TRY(calls_.send(SftpType::kMakeFolder, SftpFields().string(path).mode(mode)));
  std::vector<Error> failed;
  std::vector<std::string> doubtful;
  for (const auto& path : paths) {
    auto made = take_status("make the folder " + shown(path));
    if (made) continue;
    if (made.error().code() == 0 || made.error().kind() == ErrorKind::kNotFound) return made;
    failed.push_back(std::move(made).error());
    doubtful.push_back(path);
  }
  for (const auto& path : doubtful) TRY(calls_.send(SftpType::kStat, SftpFields().string(path)));
  for (size_t i = 0; i < doubtful.size(); ++i) {
    const auto attributes = take_attributes("look at " + shown(doubtful[i]));
    if (attributes && (!attributes->mode || attributes->is_folder())) continue;
    if (!attributes && attributes.error().code() == 0) return fail(attributes.error());
    return fail(explained(failed[i], posix::parent_of(doubtful[i]), 0));
  }
  return {};
}

/// A failure of which the server does not say what it is may be a full or a read-only file system.
Error SftpFiles::explained(Error error, const std::string& folder, uint64_t size) {
  if (!says(error, SftpCode::kFailure)) return error;
  calls_.forget();
  const char* const extension = "statvfs@openssh.com";
  if (!calls_.server().has(extension)) {
    return std::move(error).hint("is the disk full, or a quota used up? This server does not tell");
  }
  const auto reply = calls_.call(SftpType::kExtended, SftpFields().string(extension).string(folder));
  if (!reply || reply->type != SftpType::kExtendedReply) return error;
  SftpParser parser(reply->body);
  parser.u64();  // size of a block for transfers
  const uint64_t block = parser.u64();
  parser.u64(), parser.u64();  // blocks: all, free
  const uint64_t blocks = parser.u64(), files = parser.u64();
  parser.u64();  // files that are free
  const uint64_t files_left = parser.u64();
  parser.u64();  // the file system's id
  const uint64_t flags = parser.u64();
  if (!parser.good()) return error;
  constexpr uint64_t kReadOnly = 1;
  if ((flags & kReadOnly) != 0) return Error(ErrorKind::kDenied, error.message() + "; its file system is read-only");
  const bool full = block != 0 && blocks <= size / block;
  if (full || (files != 0 && files_left == 0)) {
    return Error(ErrorKind::kNoSpace, error.message() + "; its disk is full")
        .hint("free some space and run it again; what was stored already is kept");
  }
  return error;
}

}  // namespace varve::storage
