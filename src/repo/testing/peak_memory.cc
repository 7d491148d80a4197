#include "repo/testing/peak_memory.h"

#include <algorithm>
#include <atomic>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VARVE_COUNTS_MEMORY
// GCC brings the functions and not their header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, size_t),
                                                         void (*on_free)(const volatile void*));
extern "C" size_t __sanitizer_get_allocated_size(const volatile void* memory);
#endif

namespace varve::repo::testing {

namespace {

std::atomic<ptrdiff_t> taken = 0, most = 0;

#ifdef VARVE_COUNTS_MEMORY

void on_malloc(const volatile void*, size_t size) {
  const ptrdiff_t now = taken += static_cast<ptrdiff_t>(size);
  for (ptrdiff_t before = most; now > before && !most.compare_exchange_weak(before, now);) {
  }
}

void on_free(const volatile void* memory) {
  if (memory != nullptr) taken -= static_cast<ptrdiff_t>(__sanitizer_get_allocated_size(memory));
}

bool count() {
  return __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0;
}

#else

bool count() {
  return false;
}

#endif

}  // namespace

bool PeakMemory::works() {
  static const bool counts = count();
  return counts;
}

PeakMemory::PeakMemory() {
  works();
  taken = most = 0;
}

size_t PeakMemory::bytes() const {
  return static_cast<size_t>(std::max<ptrdiff_t>(most, 0));
}

}  // namespace varve::repo::testing
