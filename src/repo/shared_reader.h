#pragma once

#include <limits>
#include <semaphore>

#include "storage/storage.h"

namespace varve::repo {

/// How many threads should read, of which each works on what it got: as many as there are cores, or more where the
/// storage likes more.
unsigned reading_threads(const storage::Storage& storage);

/// Reads for several threads that each work on what they got: only as many as the storage likes ask at the same time,
/// and far away there are others that work meanwhile. Thread-safe.
class SharedReader {
 public:
  /// `most_cores`: for how many cores there should be threads, where each holds much memory.
  explicit SharedReader(storage::Storage& storage, unsigned most_cores = std::numeric_limits<unsigned>::max());

  /// How many threads should share it.
  unsigned threads() const { return threads_; }
  /// As the storage's. Waits while too many ask; they obey the same Cancel.
  Result<Bytes> get(const storage::Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel);

 private:
  storage::Storage& storage_;
  const unsigned threads_;
  std::counting_semaphore<> may_ask_;
};

}  // namespace varve::repo
