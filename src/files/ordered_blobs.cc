#include "files/ordered_blobs.h"

#include <algorithm>

#include "repo/shared_reader.h"

namespace varve::files {

Result<std::shared_ptr<const Bytes>> OrderedBlobs::Pending::wait(const Cancel& cancel) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, cancel.token(), [&] { return bytes_.has_value(); })) return fail(cancel.check().error());
  return *bytes_;
}

void OrderedBlobs::Pending::set(Result<Bytes> bytes) {
  std::lock_guard lock(mutex_);
  if (bytes) {
    bytes_ = std::make_shared<const Bytes>(std::move(*bytes));
  } else {
    bytes_ = fail(std::move(bytes).error());
  }
  changed_.notify_all();
}

void OrderedBlobs::start(TaskGroup& group) {
  const unsigned threads = repo::reading_threads(repository_.storage());
  for (unsigned t = 0; t < threads; ++t) {
    group.spawn([this](const Cancel& cancel) -> Status {
      while (const auto pending = asked_.pop(cancel)) {
        (*pending)->set(repository_.load_blob(repo::BlobType::kData, (*pending)->id(), cancel));
      }
      return cancel.check();
    });
  }
}

OrderedBlobs::PendingPtr OrderedBlobs::ask(const Id& id, const Cancel& cancel) {
  if (last_ && last_->id() == id) return last_;
  last_ = std::make_shared<Pending>(id);
  return asked_.push(last_, cancel) ? last_ : nullptr;
}

}  // namespace varve::files
