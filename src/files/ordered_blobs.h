#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "base/channel.h"
#include "base/task_group.h"
#include "repo/repository.h"

namespace varve::files {

/// Loads data blobs ahead, on several threads, for one who needs them in order. `ask` and `wait` may be called on
/// different threads. Memory: the blobs that were asked for and not yet let go; bound them where they wait.
class OrderedBlobs {
 public:
  /// A blob that is on its way, or there.
  class Pending {
   public:
    explicit Pending(const Id& id) : id_(id) {}
    const Id& id() const { return id_; }
    /// Its bytes once they are there, or why not; kCancelled if `cancel` stops first.
    Result<std::shared_ptr<const Bytes>> wait(const Cancel& cancel);

   private:
    friend class OrderedBlobs;
    void set(Result<Bytes> bytes);

    const Id id_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::optional<Result<std::shared_ptr<const Bytes>>> bytes_;
  };
  using PendingPtr = std::shared_ptr<Pending>;

  explicit OrderedBlobs(repo::Repository& repository) : repository_(repository) {}
  /// Begins to load. The threads belong to `group`, which must not outlive this; they end with it, or after close.
  void start(TaskGroup& group);

  /// The same blob twice in a row is loaded once. Called by one thread; null if the group stops.
  PendingPtr ask(const Id& id, const Cancel& cancel);
  /// Nothing more will be asked for.
  void close() { asked_.close(); }

 private:
  repo::Repository& repository_;
  Channel<PendingPtr> asked_{64};
  PendingPtr last_;
};

}  // namespace varve::files
