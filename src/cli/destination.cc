#include "cli/destination.h"

#include <filesystem>
#include <functional>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/format.h"

namespace varve::cli {

namespace {

class StandardOutput final : public Destination {
 public:
  explicit StandardOutput(Output& output) : output_(output) {}
  Status write(ByteView bytes) override { return output_.write(as_text(bytes)); }

 private:
  Output& output_;
};

/// A pipe, whose reader may take its time or not read at all: a stop is heard all the same. `file` does not block.
class Pipe final : public Destination {
 public:
  using Fail = std::function<Status(int error)>;
  Pipe(storage::posix::Fd file, Fail fail, const Cancel& cancel)
      : file_(std::move(file)), fail_(std::move(fail)), cancel_(cancel) {}

  Status write(ByteView bytes) override {
    constexpr int kHeardWithin = 200;  // milliseconds
    while (!bytes.empty()) {
      TRY(cancel_.check());
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written >= 0) {
        bytes = bytes.subspan(static_cast<size_t>(written));
      } else if (errno == EAGAIN) {
        pollfd room{.fd = file_.get(), .events = POLLOUT, .revents = 0};
        ::poll(&room, 1, kHeardWithin);
      } else if (errno != EINTR) {
        return fail_(errno);
      }
    }
    return {};
  }

 private:
  const storage::posix::Fd file_;
  const Fail fail_;
  const Cancel& cancel_;
};

/// Waits for somebody who reads.
Result<storage::posix::Fd> open_pipe(const std::string& path, const Cancel& cancel) {
  for (;;) {
    storage::posix::Fd file(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (file.get() >= 0) return file;
    if (errno != ENXIO) return fail(system_error("cannot open " + path, errno));
    if (!cancel.sleep(std::chrono::milliseconds(100))) TRY(cancel.check());
  }
}

/// Opened anew, so that whoever shares standard output with us does not find it changed.
std::unique_ptr<Destination> open_standard_output(Output& output, const Cancel& cancel) {
  struct stat info;
  if (::fstat(STDOUT_FILENO, &info) == 0 && S_ISFIFO(info.st_mode)) {
    storage::posix::Fd file(::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (file.get() >= 0) {
      return std::make_unique<Pipe>(
          std::move(file), [&output](int error) { return output.lose(error); }, cancel);
    }
  }
  return std::make_unique<StandardOutput>(output);
}

/// A device: there is nothing to be replaced.
class Stream final : public Destination {
 public:
  Stream(storage::posix::Fd file, std::string path, const Cancel& cancel)
      : file_(std::move(file)), path_(std::move(path)), cancel_(cancel) {}
  Status write(ByteView bytes) override {
    const ByteView pieces[] = {bytes};
    return storage::posix::write_all(file_, path_, pieces, cancel_);
  }

 private:
  const storage::posix::Fd file_;
  const std::string path_;
  const Cancel& cancel_;
};

/// A file that is there only when it is whole; one of that name stays until then.
class WholeFile final : public Destination {
 public:
  WholeFile(storage::Replacement file, const Cancel& cancel) : file_(std::move(file)), cancel_(cancel) {}
  Status write(ByteView bytes) override { return file_.write(bytes, cancel_); }
  Status finish() override { return file_.publish(); }

 private:
  storage::Replacement file_;
  const Cancel& cancel_;
};

}  // namespace

Result<std::unique_ptr<Destination>> open_destination(const std::string& path, storage::Replacement::Access access,
                                                      Output& output, const Cancel& cancel) {
  std::unique_ptr<Destination> destination;
  struct stat info;
  if (path.empty()) {
    destination = open_standard_output(output, cancel);
  } else if (::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode)) {
    TRY_ASSIGN(auto file, open_pipe(path, cancel));
    const auto failed = [path](int error) -> Status { return fail(system_error("cannot write " + path, error)); };
    destination = std::make_unique<Pipe>(std::move(file), failed, cancel);
  } else if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    TRY_ASSIGN(auto file, storage::posix::open_file(path, O_WRONLY));
    destination = std::make_unique<Stream>(std::move(file), path, cancel);
  } else {
    auto file = storage::Replacement::begin(path, access);
    if (!file && file.error().kind() == ErrorKind::kDenied) {
      return fail(
          std::move(file).error().hint("a new file is made beside " + path +
                                       " until it is whole; standard output sent to it writes into the one that is "
                                       "there"));
    }
    TRY(file);
    destination = std::make_unique<WholeFile>(std::move(*file), cancel);
  }
  return destination;
}

Status check_free_space(const std::string& path, uint64_t least, uint64_t most, Output& output) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return {};
  std::filesystem::path folder = std::filesystem::absolute(path);
  struct statvfs space {};
  while (::statvfs(folder.c_str(), &space) != 0) {
    if (!folder.has_relative_path()) return {};  // whoever writes will say what is wrong
    folder = folder.parent_path();
  }
  const uint64_t free = uint64_t{space.f_bavail} * space.f_frsize;
  if (free >= most || space.f_blocks == 0) return {};
  const auto left = fmt::format("{} has {} left", folder.string(), format_size(free));
  if (free < least) {
    return fail(Error(ErrorKind::kNoSpace, fmt::format("{} takes {}{}, and {}; nothing was written", path,
                                                       least < most ? "at least " : "", format_size(least), left))
                    .hint("--gzip takes less, how much is not known before"));
  }
  output.warning(fmt::format("{} takes up to {}, and {}: it may not fit", path, format_size(most), left));
  return {};
}

}  // namespace varve::cli
