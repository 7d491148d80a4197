// How a file comes to an SFTP server: under another name, forced to disk, and then renamed.
#include <algorithm>

#include <fmt/format.h>

#include "base/timed_stop.h"
#include "storage/posix.h"
#include "storage/sftp_files.h"

namespace varve::storage {

namespace {

using net::SftpFields;
using net::SftpType;

constexpr size_t kWindow = 4u << 20;  // bytes under way
constexpr const char* kSync = "fsync@openssh.com";
constexpr const char* kReplacingRename = "posix-rename@openssh.com";

/// As restic names them, so that both know them for what they are. So random that nobody else has it.
std::string temporary_name(const std::string& path) {
  std::array<uint8_t, 16> random;
  random_bytes(random);
  return fmt::format("{}-restic-temp-{}", path, to_hex(random));
}

/// Gives a payload in parts of one size, without copying.
class Parts {
 public:
  explicit Parts(Payload payload) : payload_(payload) {}

  /// At most `size` bytes, fewer only at the end.
  std::vector<ByteView> next(size_t size) {
    std::vector<ByteView> out;
    while (size > 0 && piece_ < payload_.size()) {
      const ByteView rest = payload_[piece_].subspan(offset_);
      const ByteView part = rest.first(std::min(rest.size(), size));
      if (!part.empty()) out.push_back(part);
      size -= part.size();
      offset_ += part.size();
      if (part.size() < rest.size()) break;
      ++piece_;
      offset_ = 0;
    }
    return out;
  }

 private:
  const Payload payload_;
  size_t piece_ = 0, offset_ = 0;
};

}  // namespace

Status SftpFiles::create(const std::string& path, Payload payload, const SftpModes& modes) {
  const uint64_t size = payload_size(payload);
  const auto what = fmt::format("store {} ({} bytes)", shown(path), size);
  const auto temporary = temporary_name(path);
  constexpr uint32_t kNew = net::kSftpWrite | net::kSftpCreate | net::kSftpTruncate;
  TRY(calls_.send(SftpType::kStat, SftpFields().string(path)));
  TRY(calls_.send(SftpType::kOpen, SftpFields().string(temporary).u32(kNew).mode(modes.file)));
  const auto there = take_attributes(what);
  auto opened = take_handle(what);
  if (!opened) {
    if (there) return fail(ErrorKind::kExists, fmt::format("cannot {}: it is there already", what));
    return fail(explained(opened.error(), posix::parent_of(path), size));
  }
  std::optional handle = *std::move(opened);
  auto done = [&]() -> Status {
    if (there) return fail(ErrorKind::kExists, fmt::format("cannot {}: it is there already", what));
    if (there.error().kind() != ErrorKind::kNotFound) return fail(there.error());
    TRY(write_parts(*handle, what, payload));
    TRY(finish(handle, what, modes));
    TRY(expect_size(temporary, what, size));
    return rename(temporary, path, what);
  }();
  if (done) return done;
  auto error = explained(std::move(done).error(), posix::parent_of(path), size);
  clean_up(handle, temporary);
  return fail(std::move(error));
}

Status SftpFiles::write_parts(const std::string& handle, const std::string& what, Payload payload) {
  const size_t at_once = calls_.server().max_write;
  Parts parts(payload);
  uint64_t offset = 0;
  for (auto part = parts.next(at_once); !part.empty(); part = parts.next(at_once)) {
    if (calls_.under_way() > 0 && calls_.under_way() * at_once >= kWindow) TRY(take_status(what));
    const uint64_t size = payload_size(part);
    TRY(calls_.send(SftpType::kWrite, SftpFields().string(handle).u64(offset).u32(static_cast<uint32_t>(size)), part));
    TRY(calls_.pay_upload(size));
    offset += size;
  }
  while (calls_.under_way() > 0) TRY(take_status(what));
  return {};
}

/// All of it was taken: now to the disk. A handle is closed once at most, for the server may give it to another file at
/// once.
Status SftpFiles::finish(std::optional<std::string>& handle, const std::string& what, const SftpModes& modes) {
  const bool can_sync = calls_.server().has(kSync);
  TRY(calls_.send(SftpType::kFileSetStat, SftpFields().string(*handle).mode(modes.finished)));
  if (can_sync) TRY(calls_.send(SftpType::kExtended, SftpFields().string(kSync).string(*handle)));
  TRY(calls_.send(SftpType::kClose, SftpFields().string(*handle)));
  handle.reset();
  TRY(calls_.receive());  // against accidents only, so a file system without modes will do
  const auto synced = can_sync ? take_status(what) : Status();
  const auto closed = take_status(what);
  if (!synced && synced.error().kind() != ErrorKind::kUnsupported) return synced;
  return closed;
}

/// By its name, for by then it is closed.
Status SftpFiles::expect_size(const std::string& path, const std::string& what, uint64_t size) {
  TRY_ASSIGN(const auto attributes, stat(path));
  if (!attributes.size || *attributes.size == size) return {};
  return fail(ErrorKind::kUnavailable,
              fmt::format("cannot {}: it has {} bytes after all were written", what, *attributes.size));
}

/// By the protocol a rename replaces nothing, and OpenSSH makes a second link for it, so that of two who come at once
/// one is told. Where the server cannot do that, the other kind of rename does after a look.
Status SftpFiles::rename(const std::string& temporary, const std::string& path, const std::string& what) {
  TRY(calls_.send(SftpType::kRename, SftpFields().string(temporary).string(path)));
  auto done = take_status(what);
  if (done || done.error().code() == 0) return done;
  const auto there = stat(path);
  if (there) return fail(ErrorKind::kExists, fmt::format("cannot {}: it is there already", what));
  if (there.error().kind() != ErrorKind::kNotFound) return fail(there.error());
  if (!calls_.server().has(kReplacingRename)) return done;
  TRY(calls_.send(SftpType::kExtended, SftpFields().string(kReplacingRename).string(temporary).string(path)));
  return take_status(what);
}

/// Also when all is to stop, for a little.
void SftpFiles::clean_up(const std::optional<std::string>& handle, const std::string& temporary) {
  calls_.forget();
  if (calls_.session()->broken()) return;
  const TimedStop stop(kCleanUp);
  const Cancel cancel = stop.cancel();
  SftpFiles again(calls_.session(), cancel, opens_folders_);
  if (handle && !again.calls_.call(SftpType::kClose, SftpFields().string(*handle))) return;
  (void)again.remove(temporary);
}

}  // namespace varve::storage
