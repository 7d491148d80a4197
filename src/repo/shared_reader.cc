#include "repo/shared_reader.h"

#include <thread>

namespace varve::repo {

namespace {

constexpr unsigned kMaxCores = 16;

unsigned threads_for(const storage::Pace& pace) {
  const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxCores);
  const unsigned connections = std::max(1u, pace.connections);
  return pace.is_far ? connections + cores : std::max(connections, cores);
}

class Turn {
 public:
  explicit Turn(std::counting_semaphore<>& semaphore) : semaphore_(semaphore) { semaphore_.acquire(); }
  ~Turn() { semaphore_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::counting_semaphore<>& semaphore_;
};

}  // namespace

SharedReader::SharedReader(storage::Storage& storage)
    : storage_(storage),
      threads_(threads_for(storage.pace())),
      may_ask_(storage.pace().is_far ? std::max(1u, storage.pace().connections) : threads_) {}

Result<Bytes> SharedReader::get(const storage::Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  const Turn turn(may_ask_);
  return storage_.get(handle, offset, length, cancel);
}

}  // namespace varve::repo
