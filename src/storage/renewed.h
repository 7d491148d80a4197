#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/cancel.h"
#include "base/clock.h"

namespace varve::storage {

/// What a thing that all threads use is still good for.
enum class Use : uint8_t {
  kGood,
  kDue,   ///< a new one should be made, but it serves until there is one
  kOver,  ///< not to be used any more
};

/// For how long something is good, by a clock that is never set. A default-made one does not end.
class Lease {
 public:
  Lease() = default;
  /// Over a minute before its end, so that what begins with it ends with it, and due some minutes earlier; sooner where
  /// it lasts for minutes only.
  Lease(std::chrono::nanoseconds from, std::chrono::nanoseconds lifetime)
      : over_(from + lifetime - std::min<std::chrono::nanoseconds>(std::chrono::minutes(1), lifetime / 2)),
        due_(over_ - std::min<std::chrono::nanoseconds>(std::chrono::minutes(3), lifetime / 5)) {}

  Use at(std::chrono::nanoseconds ticks) const {
    return ticks >= over_ ? Use::kOver : ticks >= due_ ? Use::kDue : Use::kGood;
  }

 private:
  std::chrono::nanoseconds over_{std::numeric_limits<int64_t>::max()};
  std::chrono::nanoseconds due_{std::numeric_limits<int64_t>::max()};
};

/// What all threads use together (a token, a connection, a program that serves us): made when it is first wanted, and
/// anew when it is due or over. One makes it; while it is only due the others go on with the one that is there, and
/// else wait and share what comes of it. Nothing is locked while it is made. Thread-safe.
template <typename T>
class Renewed {
 public:
  using Made = Result<std::shared_ptr<T>>;

  /// `clock` must outlive it. `first`: one that is there from the start.
  explicit Renewed(const Clock& clock = system_clock(), std::shared_ptr<T> first = nullptr)
      : clock_(clock), thing_(std::move(first)) {}

  /// `judge` is asked often, and under the lock: it must not wait, or call this.
  Made get(const Cancel& cancel, const std::function<Use(const T&)>& judge, const std::function<Made()>& make) {
    TRY(cancel.check());
    std::unique_lock lock(mutex_);
    Use use = use_of(judge);
    for (;; use = use_of(judge)) {
      if (use == Use::kGood || (use == Use::kDue && (making_ || clock_.ticks() < rest_))) return thing_;
      if (!making_) break;
      const unsigned before = turns_;
      if (!ended_.wait(lock, cancel.token(), [&] { return turns_ != before; })) TRY(cancel.check());
      if (failure_) return fail(*failure_);
    }
    const auto present = use == Use::kDue ? thing_ : nullptr;
    auto over = present ? nullptr : std::exchange(thing_, nullptr);
    making_ = true;
    Turn turn{*this};
    lock.unlock();
    over.reset();  // which may take its time
    auto made = make();
    if (made) {
      turn.made = *made;
    } else if (!is_stop(made.error())) {
      turn.failure = made.error();
      if (present && judge(*present) != Use::kOver) return present;
    }
    return made;
  }

 private:
  /// After a try to make one before its time that failed, or gave no newer one.
  static constexpr std::chrono::seconds kRest{30};

  /// Of the one that makes it; it ends even if that throws.
  struct Turn {
    Renewed& owner;
    std::shared_ptr<T> made = nullptr;
    std::optional<Error> failure = std::nullopt;

    ~Turn() {
      const std::lock_guard lock(owner.mutex_);
      if (made) owner.thing_ = std::move(made);
      owner.failure_ = std::move(failure);
      owner.rest_ = owner.clock_.ticks() + kRest;
      owner.making_ = false;
      ++owner.turns_;
      owner.ended_.notify_all();
    }
  };

  Use use_of(const std::function<Use(const T&)>& judge) const { return thing_ ? judge(*thing_) : Use::kOver; }

  const Clock& clock_;
  std::mutex mutex_;  ///< never held while something is made
  std::condition_variable_any ended_;
  std::shared_ptr<T> thing_;
  bool making_ = false;
  unsigned turns_ = 0;               ///< that have ended
  std::optional<Error> failure_;     ///< of the last one
  std::chrono::nanoseconds rest_{};  ///< until when what is due is left alone
};

}  // namespace varve::storage
