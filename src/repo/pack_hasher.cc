#include "repo/pack_hasher.h"

#include "repo/pack.h"

namespace varve::repo {

void PackHasher::start(std::shared_ptr<storage::Storage> storage) {
  if (std::thread::hardware_concurrency() < 2 || storage->pace().is_far) return;
  thread_ = std::jthread([this, storage = std::move(storage)](std::stop_token stop) {
    const Cancel cancel{std::move(stop)};
    const auto visit = [&](const storage::FileInfo& pack) -> Status {
      TRY(cancel.check());
      if (hash_pack(*storage, pack, cancel)) good_.emplace(pack.id, pack.size);
      return {};
    };
    try {
      (void)storage->list(storage::FileType::kPack, visit, cancel);  // the check itself hears of what cannot be listed
    } catch (const std::exception&) {                                // too little memory: the check hashes what is left
    }
  });
}

HashedPacks PackHasher::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  return std::move(good_);
}

}  // namespace varve::repo
