#include "repo/destinations.h"

#include <algorithm>

#include <fmt/format.h>

#include "repo/index.h"

namespace varve::repo {

bool Destinations::Stop::request(Error why) {
  reason->say(std::move(why));
  return source.request_stop();
}

Destinations::Destinations(Repository& only, const Cancel& cancel)
    : outer_(cancel), reporter_(nullptr), polynomial_(only.config().polynomial) {
  follow({{only, cancel}});
}

Destinations::Destinations(const std::vector<Destination>& all, const Cancel& cancel, Reporter& reporter)
    : outer_(cancel), reporter_(&reporter), polynomial_(all.front().repository.config().polynomial) {
  follow(all);
}

Destinations::~Destinations() = default;

void Destinations::follow(const std::vector<Destination>& all) {
  for (const auto& one : all) ones_.emplace_back(one.repository);
  // Only now: what has stopped already calls back at once.
  const auto relay = [&](const Cancel& cancel, std::function<void()> act) {
    relays_.push_back(std::make_unique<Relay>(cancel.token(), std::move(act)));
  };
  for (size_t i = 0; i < all.size(); ++i) {
    relay(all[i].cancel, [this, i, its = all[i].cancel] { give_up(i, its.check().error()); });
  }
  relay(outer_, [this] {
    const auto why = outer_.check().error();
    (void)stop_.request(why);
    for (size_t i = 0; i < size(); ++i) give_up(i, why);
  });
}

Repository& Destinations::operator[](size_t which) const {
  return ones_[which].repository;
}

Cancel Destinations::cancel(size_t which) const {
  return ones_[which].stop.cancel();
}

Cancel Destinations::cancel() const {
  return stop_.cancel();
}

bool Destinations::has(size_t which) const {
  return !ones_[which].stop.source.stop_requested();
}

size_t Destinations::first() const {
  for (size_t i = 0; i < size(); ++i) {
    if (has(i)) return i;
  }
  return 0;
}

void Destinations::give_up(size_t which, Error why) {
  auto& one = ones_[which];
  if (!one.stop.request(std::move(why))) return;
  const bool none_left = std::ranges::all_of(ones_, [](const One& any) { return any.stop.source.stop_requested(); });
  // Where all must stop, no repository has failed; and the error of one alone is its caller's.
  if (reporter_ != nullptr && size() > 1 && !outer_.stopped()) {
    const auto sentence = one.repository.storage().location() + ": " + one.stop.reason->get()->message();
    reporter_->warning(none_left ? sentence : sentence + "; the backup goes on without this repository");
  }
  if (none_left) (void)stop_.request(*ones_.front().stop.reason->get());
}

Status Destinations::each(const std::function<Status(size_t)>& act) {
  for (size_t i = 0; i < size(); ++i) {
    if (!has(i)) continue;
    if (auto done = act(i); !done) give_up(i, std::move(done).error());
  }
  return stop_.cancel().check();
}

bool Destinations::all_have(BlobType type, const Id& id) const {
  for (size_t i = 0; i < size(); ++i) {
    if (has(i) && !ones_[i].repository.index().has(type, id)) return false;
  }
  return true;
}

Result<std::optional<std::vector<Node>>> Destinations::load_tree(size_t which, const Id& id) {
  if (!has(which) || !ones_[which].answers) return std::nullopt;
  auto nodes = ones_[which].repository.load_tree(id, cancel(which));
  if (nodes) return std::move(*nodes);
  if (!has(which)) return std::nullopt;
  if (nodes.error().kind() != ErrorKind::kUnavailable || size() == 1) return fail(nodes.error());
  // The next tree would be waited for as long. What is stored there tells whether it is away for good.
  if (ones_[which].answers.exchange(false) && reporter_ != nullptr) {
    reporter_->warning(fmt::format("{}: {}; what is unchanged since its last snapshot may be read again",
                                   ones_[which].repository.storage().location(), nodes.error().message()));
  }
  return std::nullopt;
}

std::optional<ParentTree> first_tree(const Destinations& to, const std::vector<std::optional<Snapshot>>& parents) {
  for (size_t i = 0; i < parents.size(); ++i) {
    if (parents[i] && to.has(i)) return ParentTree{i, parents[i]->tree};
  }
  return std::nullopt;
}

}  // namespace varve::repo
