#include "repo/outlet.h"

#include <algorithm>

#include "base/parallel.h"
#include "codec/sha256.h"

namespace varve::repo {

namespace {

constexpr uint64_t kMinPack = 4u << 20;
constexpr uint64_t kMaxPack = 128u << 20;
constexpr unsigned kMaxUploads = 5;
constexpr size_t kQueuedPacks = 1;
constexpr size_t kFilledPacks = 1;  // of a type, while as many as can be are uploaded

uint64_t clamped_pack_size(const WriterOptions& options) {
  return std::clamp(options.pack_size, kMinPack, kMaxPack);
}

}  // namespace

unsigned Outlet::upload_count(const WriterOptions& options, unsigned connections) {
  return options.uploads != 0 ? options.uploads : std::clamp(connections, 1u, kMaxUploads);
}

Outlet::Outlet(Destinations& destinations, size_t which, const WriterOptions& options)
    : destinations_(destinations),
      which_(which),
      repository_(destinations[which]),
      options_(options),
      uploads_(upload_count(options, repository_.storage().connections())),
      packer_(repository_.key(), clamped_pack_size(options), kFilledPacks + uploads_),
      packs_(kQueuedPacks),
      index_writer_(repository_),
      group_(destinations.cancel(which)) {}

/// Whatever goes wrong in it is why the repository is given up.
void Outlet::run(const std::function<Status()>& act) {
  auto done = without_exceptions(act);
  if (!done && !stopped_) destinations_.give_up(which_, std::move(done).error());
}

void Outlet::start() {
  for (unsigned i = 0; i < uploads_; ++i) {
    group_.spawn([this](const Cancel& cancel) -> Status {
      run([&] { return upload_all(cancel); });
      if (!cancel.stopped()) return {};
      // What came too late is not taken any more, what is held is freed.
      packs_.close();
      while (packs_.pop(Cancel())) continue;
      packer_.drop();
      return {};
    });
  }
}

bool Outlet::wants(BlobType type, const Id& id, uint64_t plain_size) {
  if (!destinations_.has(which_)) return false;
  if (repository_.index().claim(type, id)) return true;
  std::lock_guard lock(mutex_);
  ++stats_.blobs_known;
  stats_.plain_bytes_known += plain_size;
  return false;
}

void Outlet::take(BlobType type, const Id& id, const Result<BlobEncoder::Unit>& unit) {
  run([&]() -> Status { return unit ? put(type, id, *unit) : Status(fail(unit.error())); });
}

Status Outlet::put(BlobType type, const Id& id, const BlobEncoder::Unit& unit) {
  const Cancel cancel = group_.cancel();
  TRY_ASSIGN(auto full, packer_.add(type, id, unit.bytes, unit.plain_length, cancel));
  {
    std::lock_guard lock(mutex_);
    ++(type == BlobType::kTree ? stats_.tree_blobs_new : stats_.data_blobs_new);
    stats_.plain_bytes_new += unit.plain_length != 0 ? unit.plain_length : unit.bytes.size() - codec::kSealOverhead;
    stats_.packed_bytes += unit.bytes.size();
  }
  if (full && !packs_.push(std::move(*full), cancel)) return cancel.check();
  return {};
}

Status Outlet::upload_all(const Cancel& cancel) {
  while (auto pack = packs_.pop(cancel)) TRY(upload(std::move(*pack), cancel));
  return cancel.check();
}

/// Only a pack that is durable comes into an index, in memory or stored: who finds one there relies on it.
Status Outlet::upload(PackBuilder pack, const Cancel& cancel) {
  if (options_.dry_run) return {};
  const Id id = codec::sha256(pack.bytes());
  const ByteView pieces[] = {pack.bytes()};
  TRY(repository_.storage().put(pack_handle(pack.blobs().front().type, id), pieces, cancel));
  if (options_.read_back) TRY(read_back_pack(repository_.storage(), {id, pack.size()}, cancel));
  auto blobs = pack.place_in(id);
  if (options_.tell_index)
    repository_.index().add_pack(blobs);  // taken back in abandon if the index file is never written
  packer_.recycle(std::move(pack));
  return index_writer_.add({id, std::move(blobs)}, cancel);
}

void Outlet::finish() {
  run([this] { return finish_all(); });
}

Status Outlet::finish_all() {
  const Cancel cancel = group_.cancel();
  for (auto& pack : packer_.flush()) {
    if (!packs_.push(std::move(pack), cancel)) break;  // check() tells why
  }
  packs_.close();
  TRY(group_.wait());
  TRY(cancel.check());
  TRY(index_writer_.finish(cancel));
  ended_ = !options_.dry_run;  // what was not stored stays unknown
  return {};
}

void Outlet::stop() {
  stopped_ = true;
  group_.stop();
}

void Outlet::abandon() {
  if (ended_) return;
  ended_ = true;
  (void)group_.wait();
  repository_.index().drop_claims();
  for (const Id& pack : index_writer_.unsaved()) repository_.index().drop_pack(pack);
}

WriterStats Outlet::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

uint64_t Outlet::memory_bound(const WriterOptions& options, uint64_t workers, uint64_t blob) {
  constexpr uint64_t kIndexFile = 64u << 20;  // the packs of one index file, and its JSON
  const uint64_t pack = clamped_pack_size(options) + blob + (4u << 20);
  const uint64_t uploads = upload_count(options, kMaxUploads);
  const uint64_t packs = 2 * (kFilledPacks + uploads) * pack;  // of data and of trees
  // Those of blobs as large as a pack: in each worker, queued, and uploaded.
  const uint64_t single = blob < clamped_pack_size(options) ? 0 : (workers + kQueuedPacks + uploads) * blob;
  return packs + single + kIndexFile;
}

}  // namespace varve::repo
