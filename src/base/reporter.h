#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace varve {

/// How far a long job is. Totals are estimates and may be 0 for unknown.
struct Progress {
  std::string_view action;  ///< "backup", "restore", "verify", "check", "export"
  std::string item;         ///< what is being worked on: a namespace, a pack
  uint64_t documents = 0;
  uint64_t bytes = 0, bytes_total = 0;
  uint64_t items = 0, items_total = 0;
  uint64_t files = 0, files_total = 0, errors = 0;
  uint64_t bytes_new = 0, bytes_known = 0;  ///< backup: what was not stored before, and what was, so far
};

/// Where a job says what it does while it runs. What it found out in the end is its result, not an event.
/// Implementations print text or JSON, or collect for tests. Thread-safe.
class Reporter {
 public:
  virtual ~Reporter() = default;
  /// May be called often; the implementation decides how often it shows.
  virtual void progress(const Progress& progress) = 0;
  /// What was chosen and why, what will be done.
  virtual void note(std::string_view sentence) = 0;
  virtual void warning(std::string_view sentence) = 0;
  /// One item of many could not be dealt with, and the job goes on without it. `during` is restic's word for what was
  /// being done: "archival", "scan".
  virtual void item_failed(std::string_view during, std::string_view item, std::string_view reason) {
    (void)during;
    warning(std::string(item) + ": " + std::string(reason));
  }
};

/// Says nothing.
class SilentReporter final : public Reporter {
 public:
  void progress(const Progress&) override {}
  void note(std::string_view) override {}
  void warning(std::string_view) override {}
  void item_failed(std::string_view, std::string_view, std::string_view) override {}
};

}  // namespace varve
