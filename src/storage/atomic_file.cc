#include "storage/atomic_file.h"

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

}  // namespace

Status write_new_file(const std::string& path, Payload payload, const Cancel& cancel) {
  const std::string temporary = temporary_name(path);
  TRY_ASSIGN(const posix::Fd file, posix::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600));
  auto done = fill(file, temporary, payload, cancel);
  if (done) done = publish(temporary, path, cancel);
  if (!done) ::unlink(temporary.c_str());
  return done;
}

}  // namespace varve::storage
