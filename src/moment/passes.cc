#include "moment/passes.h"

#include <iterator>

namespace varve::moment {

Passes::Passes(const MergePlan& plan, std::unique_ptr<Changes> changes)
    : plan_(plan), changes_(std::move(changes)), waiting_(changes_->take_parts()) {}

tl::unexpected<Error> Passes::within(Error error) const {
  return fail(std::move(error).within(plan_.name));
}

Result<Changes::Fate> Passes::meet(ByteView document, Bytes& scratch, Bytes& out) {
  const auto id = bson::View(document).find("_id");
  // Nothing can have changed what has no key.
  if (!id) return first_ ? Changes::Fate::kSame : Changes::Fate::kElsewhere;
  auto fate = changes_->meet((*plan_.hash)(*id, scratch), document, plan_.ordered, out);
  if (!fate) return within(std::move(fate).error());
  return fate;
}

Status Passes::rest(const std::function<Status(uint64_t order, ByteView document)>& emit) {
  return changes_->rest(plan_.ordered, emit);
}

Status Passes::next() {
  first_ = false;
  changes_.reset();
  if (!pool_) pool_ = std::make_unique<Pool>(plan_.spill, plan_.memory / 4);
  Changes::Part part = std::move(waiting_.back());
  waiting_.pop_back();
  changes_ = std::make_unique<Changes>(*pool_, plan_.base, part.range);
  while (true) {
    auto loaded = changes_->load_next(*part.operations);
    if (!loaded) return within(std::move(loaded).error());
    if (!*loaded) break;
    TRY(keep_to_limits(*changes_));
  }
  auto parts = changes_->take_parts();
  waiting_.insert(waiting_.end(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
  return {};
}

Status Passes::keep_to_limits(Changes& changes) const {
  if (pool_->records > pool_->records_limit) TRY(changes.spill(pool_->records_limit / 2));
  while (pool_->index > pool_->index_limit) {
    TRY_ASSIGN(const bool split, changes.split());
    if (!split) return within(plan_.spill->too_little("the changes of one collection").value());
  }
  return {};
}

void take_out(bson::Digest& change, ByteView document, Bytes& scratch) {
  bson::Digest one;
  one.add(bson::as_stored(document, scratch));
  change -= one;
}

void put_in(bson::Digest& change, ByteView document, Bytes& scratch) {
  change.add(bson::as_stored(document, scratch));
}

}  // namespace varve::moment
