#include "storage/atomic_file.h"

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/posix.h"

namespace varve::storage {

namespace {

/// Names no id, so that listings pass over it should the machine die here.
std::string temporary_name(const std::string& path) {
  std::array<uint8_t, 8> random;
  random_bytes(random);
  return fmt::format("{}-tmp-{}", path, to_hex(random));
}

Status fill(const posix::Fd& file, const std::string& path, Payload payload, const Cancel& cancel) {
  TRY(posix::write_all(file, path, payload, cancel));
  TRY_ASSIGN(const uint64_t size, posix::file_size(file, path));
  if (size != payload_size(payload)) {
    return fail(ErrorKind::kUnavailable,
                fmt::format("{} has {} bytes after {} were written", path, size, payload_size(payload)));
  }
  // Against accidents only, so a file system without modes will do.
  (void)::fchmod(file.get(), 0400);
  return posix::sync(file, path);
}

Status publish(const std::string& temporary, const std::string& path, const Cancel& cancel) {
  TRY(cancel.check());
  TRY(posix::rename_new(temporary, path));
  auto durable = posix::sync_folder(posix::parent_of(path));
  if (!durable) ::unlink(path.c_str());
  return durable;
}

/// Where a symbolic link leads; the path itself where there is nothing yet.
std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? real.get() : path;
}

/// A new file with the mode and, if that may be, the owner that `before` has; nobody may read more than that in it.
Result<posix::Fd> open_like(const struct stat& before, const std::string& path) {
  TRY_ASSIGN(auto file, posix::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  const bool same_owner = ::fchown(file.get(), before.st_uid, before.st_gid) == 0;
  (void)::fchmod(file.get(), before.st_mode & (same_owner ? 07777 : 0777));
  return file;
}

}  // namespace

Result<Replacement> Replacement::begin(const std::string& path, Access access) {
  auto real = real_path(path);
  auto temporary = temporary_name(real);
  struct stat before;
  const bool like_before = access == Access::kAsBefore && ::stat(real.c_str(), &before) == 0;
  const mode_t mode = access == Access::kOwner ? 0600 : 0666;
  TRY_ASSIGN(auto file, like_before ? open_like(before, temporary)
                                    : posix::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
  return Replacement(std::move(real), std::move(temporary), std::move(file));
}

Replacement::Replacement(Replacement&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, "")), file_(std::move(other.file_)) {}

Replacement::~Replacement() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status Replacement::write(ByteView bytes, const Cancel& cancel) {
  const ByteView pieces[] = {bytes};
  return posix::write_all(file_, path_, pieces, cancel);
}

Status Replacement::publish() {
  TRY(posix::sync(file_, path_));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return fail(system_error("cannot replace " + path_, errno));
  temporary_.clear();
  return posix::sync_folder(posix::parent_of(path_));
}

Status write_new_file(const std::string& path, Payload payload, const Cancel& cancel) {
  const std::string temporary = temporary_name(path);
  TRY_ASSIGN(const posix::Fd file, posix::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600));
  auto done = fill(file, temporary, payload, cancel);
  if (done) done = publish(temporary, path, cancel);
  if (!done) ::unlink(temporary.c_str());
  return done;
}

}  // namespace varve::storage
