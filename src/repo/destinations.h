#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/reporter.h"
#include "repo/repository.h"

namespace varve::repo {

/// The repositories that one backup is written to: one, or several that get the same. One that fails is given up with
/// the first error that it had, and the others go on; only where none is left does the backup fail. Thread-safe.
class Destinations {
 public:
  struct Destination {
    Repository& repository;
    Cancel cancel;  ///< of its lock
  };

  /// One alone. `cancel`: of the program and its lock.
  Destinations(Repository& only, const Cancel& cancel);
  /// Several, at least one. `cancel`: of the program. What fails is told to `reporter` at once.
  Destinations(const std::vector<Destination>& all, const Cancel& cancel, Reporter& reporter);
  ~Destinations();

  size_t size() const { return ones_.size(); }
  Repository& operator[](size_t which) const;
  /// For what is done with this one: stops when it is given up, with the reason.
  Cancel cancel(size_t which) const;
  /// For what is done for all: stops when the program must, or when none is left, with the first one's reason.
  Cancel cancel() const;
  /// For reading what is backed up: the Cancel that was given. It does not stop for what fails at a repository, which
  /// is nothing that the source's readers could tell from their own failures.
  const Cancel& outer() const { return outer_; }

  /// Whether it is not given up.
  bool has(size_t which) const;
  /// The first that is not given up; the first of all if none is left.
  size_t first() const;
  /// Those who wait with its Cancel wake up. The first reason stays.
  void give_up(size_t which, Error why);
  /// Does something with each that is left, and gives those up for which it fails; an error if none is left then.
  Status each(const std::function<Status(size_t)>& act);

  /// How files are cut: as the first of them does it, whatever becomes of it.
  codec::Polynomial polynomial() const { return polynomial_; }
  /// Whether all that are left have the blob.
  bool all_have(BlobType type, const Id& id) const;
  /// A tree of a snapshot of one of them; nothing where that one was given up meanwhile, or did not answer once.
  Result<std::optional<std::vector<Node>>> load_tree(size_t which, const Id& id);

 private:
  /// A stop with a reason.
  struct Stop {
    std::shared_ptr<StopReason> reason = std::make_shared<StopReason>();
    std::stop_source source{};

    /// True for the first who asks.
    bool request(Error why);
    Cancel cancel() const { return Cancel(source.get_token(), reason); }
  };
  struct One {
    explicit One(Repository& its) : repository(its) {}
    Repository& repository;
    Stop stop;
    std::atomic<bool> answers = true;  ///< when its trees are read
  };
  using Relay = std::stop_callback<std::function<void()>>;

  void follow(const std::vector<Destination>& all);

  const Cancel outer_;
  Reporter* const reporter_;
  const codec::Polynomial polynomial_;
  std::deque<One> ones_;
  Stop stop_;
  std::vector<std::unique_ptr<Relay>> relays_;  // last: they use what stands above
};

/// A tree of one of a backup's destinations: that of the snapshot before.
struct ParentTree {
  size_t of = 0;
  Id tree;
};
/// That of the first one left that has such a snapshot.
std::optional<ParentTree> first_tree(const Destinations& to, const std::vector<std::optional<Snapshot>>& parents);

}  // namespace varve::repo
