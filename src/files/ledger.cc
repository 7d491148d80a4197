#include "files/ledger.h"

#include "files/local_node.h"

namespace varve::files {

void Ledger::problem(const std::string& item, const Error& error) {
  {
    std::lock_guard lock(mutex_);
    ++problem_count_;
    if (problems_.size() < kRememberedProblems) problems_.push_back({item, error.message()});
  }
  reporter_.item_failed("archival", item, error.message());
}

void Ledger::count(const std::optional<repo::Node>& previous, const repo::Node& node) {
  const bool is_folder = node.type == repo::NodeType::kDir;
  std::lock_guard lock(mutex_);
  if (!previous) return count_locked(node, is_folder ? summary_.dirs_new : summary_.files_new);
  if (same_node(*previous, node))
    return count_locked(node, is_folder ? summary_.dirs_unmodified : summary_.files_unmodified);
  count_locked(node, is_folder ? summary_.dirs_changed : summary_.files_changed);
}

void Ledger::count_unmodified(const repo::Node& node) {
  std::lock_guard lock(mutex_);
  bytes_ += node.size;
  count_locked(node, summary_.files_unmodified);
}

void Ledger::count_locked(const repo::Node& node, uint64_t& counter) {
  ++counter;
  if (node.type != repo::NodeType::kDir) ++summary_.total_files_processed;
  summary_.total_bytes_processed += node.size;
  show_locked();
}

void Ledger::starts(const std::string& path) {
  std::lock_guard lock(mutex_);
  current_ = path;
}

void Ledger::has_read(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  bytes_ += bytes;
  show_locked();
}

void Ledger::expect(uint64_t files, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  files_total_ = files;
  bytes_total_ = bytes;
}

void Ledger::show_locked() {
  const auto stored = writer_.stats();
  reporter_.progress({.action = "backup",
                      .item = current_,
                      .bytes = bytes_,
                      .bytes_total = bytes_total_,
                      .files = summary_.total_files_processed,
                      .files_total = files_total_,
                      .errors = problem_count_,
                      .bytes_new = stored.plain_bytes_new,
                      .bytes_known = stored.plain_bytes_known});
}

repo::SnapshotSummary Ledger::summary() const {
  std::lock_guard lock(mutex_);
  return summary_;
}

std::vector<Problem> Ledger::problems() const {
  std::lock_guard lock(mutex_);
  return problems_;
}

uint64_t Ledger::problem_count() const {
  std::lock_guard lock(mutex_);
  return problem_count_;
}

}  // namespace varve::files
