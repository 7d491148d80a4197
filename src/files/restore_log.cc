#include "files/restore_log.h"

#include <fmt/format.h>

namespace varve::files {

void RestoreLog::expect(uint64_t size) {
  std::lock_guard lock(mutex_);
  ++counts_.files_total;
  counts_.bytes_total += size;
}

void RestoreLog::bytes(const std::string& path, uint64_t count) {
  RestoreCounts now;
  {
    std::lock_guard lock(mutex_);
    counts_.bytes_restored += count;
    now = counts_;
  }
  listener_.progress(now, path);
}

void RestoreLog::done(RestoreAction action, const std::string& path, uint64_t size) {
  {
    std::lock_guard lock(mutex_);
    ++counts_.files_restored;
  }
  listener_.item(action, path, size);
}

void RestoreLog::skipped(const std::string& path, uint64_t size) {
  {
    std::lock_guard lock(mutex_);
    ++counts_.files_skipped;
    counts_.bytes_skipped += size;
  }
  listener_.item(RestoreAction::kUnchanged, path, size);
}

void RestoreLog::deleted(const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    ++counts_.files_deleted;
  }
  listener_.item(RestoreAction::kDeleted, path, 0);
}

void RestoreLog::problem(const std::string& path, const Error& error) {
  {
    std::lock_guard lock(mutex_);
    ++counts_.errors;
    if (problems_.size() < kRememberedProblems) problems_.push_back({path, error.message()});
  }
  listener_.problem(path, error);
}

void RestoreLog::without_owner(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (counts_.without_owner++ == 0) first_without_owner_ = path;
}

void RestoreLog::without_attributes(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (counts_.without_attributes++ == 0) first_without_attributes_ = path;
}

void RestoreLog::socket() {
  std::lock_guard lock(mutex_);
  ++counts_.sockets;
}

RestoreCounts RestoreLog::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<Problem> RestoreLog::problems() const {
  std::lock_guard lock(mutex_);
  return problems_;
}

void RestoreLog::summarise() const {
  const auto now = counts();
  if (now.without_owner > 0) {
    listener_.warning(fmt::format("the owner of {} could not be set, since only root may (the first is {})",
                                  now.without_owner == 1 ? "one entry" : fmt::format("{} entries", now.without_owner),
                                  first_without_owner_));
  }
  if (now.without_attributes > 0) {
    listener_.warning(fmt::format(
        "extended attributes of {} could not be set: the file system or your rights do not allow it (the first is {})",
        now.without_attributes == 1 ? "one entry" : fmt::format("{} entries", now.without_attributes),
        first_without_attributes_));
  }
  if (now.sockets > 0) {
    listener_.warning(fmt::format("{} left out: only the program that listens on one can make it",
                                  now.sockets == 1 ? "one socket was" : fmt::format("{} sockets were", now.sockets)));
  }
}

}  // namespace varve::files
