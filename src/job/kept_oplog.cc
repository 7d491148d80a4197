#include "job/kept_oplog.h"

namespace varve::job {

namespace {

// Of later entries in memory. A backup never spills, and what a busy server writes in minutes is more than may be held.
constexpr size_t kMostLaterBytes = 32u << 20;

}  // namespace

KeptOplog::KeptOplog(OplogFilter filter, NewFile new_file)
    : new_file_(std::move(new_file)), filter_(std::move(filter)), file_(new_file_()) {}

Status KeptOplog::take(ByteView entry, bool later) {
  if (later && !at_time_) at_time_ = filter_;
  TRY(filter_.take(entry, scratch_));
  if (scratch_.empty()) return {};
  if (later) return keep_later(scratch_);
  ++entries_;
  return file_->add(scratch_);
}

Status KeptOplog::keep_later(ByteView entry) {
  ++later_entries_;
  append(later_, entry);
  return later_.size() > kMostLaterBytes ? store_later() : Status{};
}

Status KeptOplog::store_later() {
  if (!later_file_) later_file_ = new_file_();
  for (ByteView rest = later_; !rest.empty();) {
    const auto size = bson::check_framing(rest);
    if (!size) return fail(ErrorKind::kCorrupt, "local.oplog.rs: an entry that is not BSON");
    TRY(later_file_->add(rest.first(*size)));
    rest = rest.subspan(*size);
  }
  later_.clear();
  return {};
}

Status KeptOplog::finish(bool with_later) {
  TRY(file_->finish());
  if (with_later) {
    if (!later_.empty()) TRY(store_later());
    if (later_file_) TRY(later_file_->finish());
    entries_ += later_entries_;
    at_time_.reset();
  } else {
    later_file_.reset();
  }
  later_ = {};
  return {};
}

StoredFile KeptOplog::file() const {
  auto file = file_->file();
  if (!later_file_) return file;
  const auto later = later_file_->file();
  file.size += later.size;
  file.blobs.insert(file.blobs.end(), later.blobs.begin(), later.blobs.end());
  return file;
}

}  // namespace varve::job
