#include "repo/shared_reader.h"

#include <thread>

namespace varve::repo {

namespace {

unsigned cores(unsigned most) {
  return std::clamp(std::thread::hardware_concurrency(), 1u, most);
}

unsigned threads_for(const storage::Pace& pace, unsigned most_cores) {
  const unsigned connections = std::max(1u, pace.connections);
  return pace.is_far ? connections + cores(most_cores) : std::max(connections, cores(most_cores));
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

unsigned reading_threads(const storage::Storage& storage) {
  return std::max(storage.connections(), cores(std::numeric_limits<unsigned>::max()));
}

SharedReader::SharedReader(storage::Storage& storage, unsigned most_cores)
    : storage_(storage),
      threads_(threads_for(storage.pace(), most_cores)),
      may_ask_(storage.pace().is_far ? std::max(1u, storage.pace().connections) : threads_) {}

Result<Bytes> SharedReader::get(const storage::Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  const Turn turn(may_ask_);
  return storage_.get(handle, offset, length, cancel);
}

}  // namespace varve::repo
