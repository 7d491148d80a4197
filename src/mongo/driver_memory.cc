#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include <malloc.h>

#include "mongo/driver.h"

// The driver takes two blocks of 32 MiB for each large reply and one for each large command, and gives them back at
// once. Fresh from the system each time, their page faults were a tenth of a backup's processor time.

namespace varve::mongo {

namespace {

constexpr size_t kLarge = 1u << 20;
constexpr size_t kMostIdle = 160u << 20;  ///< those of two connections

/// Large blocks that lie idle. All are malloc's, as are those that the driver took before this was in place.
class LargeBlocks {
 public:
  void* take(size_t size) {
    std::lock_guard lock(mutex_);
    for (auto it = idle_.rbegin(); it != idle_.rend(); ++it) {
      const size_t usable = ::malloc_usable_size(*it);
      if (usable < size) continue;
      void* block = *it;
      idle_.erase(std::next(it).base());
      bytes_ -= usable;
      return block;
    }
    return nullptr;
  }

  bool keep(void* block, size_t usable) {
    std::lock_guard lock(mutex_);
    if (bytes_ + usable > kMostIdle) return false;
    idle_.push_back(block);
    bytes_ += usable;
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<void*> idle_;
  size_t bytes_ = 0;
};

/// Never destroyed: connections may outlive main.
LargeBlocks& blocks() {
  static auto* const kBlocks = new LargeBlocks;
  return *kBlocks;
}

void* take(size_t size) {
  void* const idle = size >= kLarge ? blocks().take(size) : nullptr;
  return idle != nullptr ? idle : std::malloc(size);
}

void give(void* block) {
  const size_t usable = block != nullptr ? ::malloc_usable_size(block) : 0;
  if (usable < kLarge || !blocks().keep(block, usable)) std::free(block);
}

void* resize(void* block, size_t size) {
  const size_t usable = block != nullptr ? ::malloc_usable_size(block) : 0;
  if (usable >= kLarge && size <= usable && size > 0) return block;
  void* const idle = size >= kLarge ? blocks().take(size) : nullptr;
  if (idle == nullptr) return std::realloc(block, size);
  if (usable > 0) std::memcpy(idle, block, usable);
  give(block);
  return idle;
}

}  // namespace

void keep_large_blocks() {
  bson_mem_vtable_t table{};
  table.malloc = take;
  table.calloc = std::calloc;
  table.realloc = resize;
  table.free = give;
  table.aligned_alloc = std::aligned_alloc;  // without one, malloc would be asked for what must lie at 128 bytes
  bson_mem_set_vtable(&table);
}

}  // namespace varve::mongo
