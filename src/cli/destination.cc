#include "cli/destination.h"

#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

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

/// A pipe or a device: there is nothing to be replaced.
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
    destination = std::make_unique<StandardOutput>(output);
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
