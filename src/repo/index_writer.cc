#include "repo/index_writer.h"

#include <iterator>

namespace varve::repo {

IndexWriter::IndexWriter(Repository& repository) : repository_(repository), since_(system_clock().ticks()) {}

Status IndexWriter::add(IndexedPack pack, const Cancel& cancel) {
  std::vector<IndexedPack> ripe;
  {
    std::lock_guard lock(mutex_);
    blobs_ += pack.blobs.size();
    packs_.push_back(std::move(pack));
    if (blobs_ < kBlobs && system_clock().ticks() - since_ < kAge) return {};
    ripe.swap(packs_);
    blobs_ = 0;
    since_ = system_clock().ticks();
  }
  return save(std::move(ripe), cancel);
}

Status IndexWriter::finish(const Cancel& cancel) {
  std::vector<IndexedPack> rest;
  {
    std::lock_guard lock(mutex_);
    rest.swap(packs_);
    blobs_ = 0;
  }
  return rest.empty() ? Status() : save(std::move(rest), cancel);
}

Status IndexWriter::save(std::vector<IndexedPack> packs, const Cancel& cancel) {
  const auto saved = repository_.save_file(storage::FileType::kIndex, encode_index(packs), cancel);
  std::lock_guard lock(mutex_);
  if (saved) {
    files_.push_back(*saved);
    return {};
  }
  std::move(packs.begin(), packs.end(), std::back_inserter(packs_));
  return fail(saved.error());
}

std::vector<Id> IndexWriter::unsaved() const {
  std::lock_guard lock(mutex_);
  std::vector<Id> ids;
  for (const auto& pack : packs_) ids.push_back(pack.pack);
  return ids;
}

std::vector<Id> IndexWriter::files() const {
  std::lock_guard lock(mutex_);
  return files_;
}

}  // namespace varve::repo
