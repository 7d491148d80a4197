#include "base/task_group.h"

namespace varve {

void TaskGroup::spawn(Task task) {
  threads_.emplace_back([this, task = std::move(task)] {
    try {
      finish(task(cancel()));
    } catch (const std::exception& e) {
      finish(fail(exception_error(e)));
    }
  });
}

void TaskGroup::finish(Status status) {
  if (status) return;
  std::lock_guard lock(mutex_);
  // A task that merely followed the stop must not hide the error that caused it.
  const bool follows = first_error_ && status.error().kind() == ErrorKind::kCancelled;
  if (!first_error_ || (first_error_->kind() == ErrorKind::kCancelled && !follows)) first_error_ = status.error();
  stop_.request_stop();
}

Status TaskGroup::wait() {
  threads_.clear();
  std::lock_guard lock(mutex_);
  if (!first_error_) return {};
  // What only says that it was stopped does not know why.
  if (first_error_->kind() == ErrorKind::kCancelled) TRY(parent_.check());
  return fail(*first_error_);
}

}  // namespace varve
