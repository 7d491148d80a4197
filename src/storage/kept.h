#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/cancel.h"

namespace varve::storage {

/// What all threads use together, made when it is first wanted and anew when it is no good any more. Of several that
/// want it then, one makes it. Thread-safe.
template <typename T>
class Kept {
 public:
  using Made = Result<std::shared_ptr<T>>;

  Made get(const Cancel& cancel, const std::function<bool(const T&)>& is_good, const std::function<Made()>& make) {
    TRY(cancel.check());
    std::unique_lock lock(mutex_);
    if (!made_.wait(lock, cancel.token(), [&] { return !making_; })) TRY(cancel.check());
    if (thing_ && is_good(*thing_)) return thing_;
    making_ = true;
    Turn turn{*this};
    auto before = std::exchange(thing_, nullptr);
    lock.unlock();
    before.reset();  // which may take its time
    auto thing = make();
    if (thing) turn.made = *thing;
    return thing;
  }

 private:
  /// Of the one that makes it; it ends even if that throws.
  struct Turn {
    Kept& kept;
    std::shared_ptr<T> made = nullptr;

    ~Turn() {
      std::lock_guard lock(kept.mutex_);
      kept.thing_ = std::move(made);
      kept.making_ = false;
      kept.made_.notify_all();
    }
  };

  std::mutex mutex_;
  std::condition_variable_any made_;
  std::shared_ptr<T> thing_;
  bool making_ = false;
};

}  // namespace varve::storage
