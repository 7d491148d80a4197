#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/cancel.h"

namespace varve {

/// A scope that owns threads: the first task to fail stops the others, and wait() gives its error. Stopping the parent
/// stops all. Not copyable; spawn and wait are called by the owning thread only. The destructor stops and joins what
/// still runs.
class TaskGroup {
 public:
  using Task = std::function<Status(const Cancel&)>;

  explicit TaskGroup(const Cancel& parent)
      : parent_(parent), relay_(parent.token(), [this] { stop_.request_stop(); }) {}
  ~TaskGroup() {
    stop();
    threads_.clear();
  }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void spawn(Task task);
  /// Waits for every task; the first error, if there was one.
  Status wait();
  /// Asks every task to stop.
  void stop() { stop_.request_stop(); }
  /// What the tasks get; for what the owner itself waits on.
  Cancel cancel() const { return parent_.also(stop_.get_token()); }

 private:
  void finish(Status status);

  const Cancel parent_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> relay_;
  std::mutex mutex_;
  std::optional<Error> first_error_;
  std::vector<std::jthread> threads_;
};

}  // namespace varve
