#include "files/restore_verify.h"

#include <algorithm>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>

#include "files/blob_lengths.h"
#include "files/write_at.h"

namespace varve::files {

FileVerifier::FileVerifier(repo::Repository& repository, Target& target, RestoreLog& log, const Cancel& cancel)
    : repository_(repository), target_(target), log_(log), group_(cancel) {
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t) {
    group_.spawn([this](const Cancel& inner) -> Status {
      while (const auto file = files_.pop(inner)) {
        if (const auto same = verify(*file, inner); same) {
          ++right_;
        } else {
          TRY(inner.check());
          log_.problem(file->path, same.error());
        }
      }
      return inner.check();
    });
  }
}

Status FileVerifier::add(File file) {
  if (files_.push(std::move(file), group_.cancel())) return {};
  return group_.wait();
}

Result<uint64_t> FileVerifier::finish() {
  files_.close();
  TRY(group_.wait());
  return right_.load();
}

Status FileVerifier::verify(const File& file, const Cancel& cancel) {
  TRY_ASSIGN(const auto folder, target_.open(file.folder));
  TRY_ASSIGN(const Fd fd, open_regular(*folder, file.node.name, O_RDONLY));
  struct stat info;
  if (::fstat(fd.get(), &info) != 0 || static_cast<uint64_t>(info.st_size) != file.node.size) {
    return fail(ErrorKind::kCorrupt,
                fmt::format("verification failed: it has {} bytes instead of {}", info.st_size, file.node.size));
  }
  TRY_ASSIGN(const auto lengths, blob_lengths(repository_, file.node));
  TRY_ASSIGN(const auto matches, matching_blobs(fd, file.node.content, lengths, cancel));
  const auto wrong = std::ranges::find(matches, false);
  if (wrong == matches.end()) return {};
  uint64_t offset = 0;
  for (size_t i = 0; i < static_cast<size_t>(wrong - matches.begin()); ++i) offset += lengths[i];
  return fail(ErrorKind::kCorrupt,
              fmt::format("verification failed: other bytes than were written, from {} on", offset));
}

}  // namespace varve::files
