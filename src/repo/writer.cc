#include "repo/writer.h"

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "base/channel.h"
#include "base/parallel.h"
#include "base/task_group.h"
#include "codec/sha256.h"
#include "repo/outlet.h"

namespace varve::repo {

namespace {

using codec::Compression;

// Of buffers for blobs, those that are kept: smaller ones cost little, larger ones are rare.
constexpr size_t kSmallestRoom = 256u << 10;
constexpr size_t kLargestRoom = 8u << 20;

struct Job {
  BlobType type;
  Bytes plain;
  Writer::Done done;
  bool again = false;  ///< stored even if it is known
};

unsigned worker_count(const WriterOptions& options) {
  return options.workers != 0 ? options.workers : std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

struct Writer::State {
  State(std::unique_ptr<Destinations> own, Destinations& its_destinations, const WriterOptions& its_options)
      : alone(std::move(own)),
        destinations(its_destinations),
        options(its_options),
        jobs(worker_count(options)),
        buffers(kSmallestRoom, kLargestRoom),
        group(destinations.cancel()) {
    for (size_t i = 0; i < destinations.size(); ++i) {
      outlets.push_back(std::make_unique<Outlet>(destinations, i, options));
    }
  }

  const std::unique_ptr<Destinations> alone;  // where nobody gave several
  Destinations& destinations;
  const WriterOptions options;
  Channel<Job> jobs;
  BufferPool buffers;
  std::vector<std::unique_ptr<Outlet>> outlets;

  mutable std::mutex mutex;
  std::condition_variable_any idle;
  uint64_t outstanding = 0;
  std::optional<Error> first_error;
  bool finished = false;

  TaskGroup group;  // of workers; last: they use what stands above

  void start();
  Status push(Job job);
  Status failure() const;
  Status drain();
  Status finish(const std::function<void(size_t)>& finished);
  void abandon();

  Status work(const Cancel& cancel);
  Status process(Job& job, BlobEncoder& encoder, const Cancel& cancel);
  void store(const Job& job, const Id& id, BlobEncoder& encoder);
  void count_done();
};

void Writer::State::start() {
  for (auto& outlet : outlets) outlet->start();
  for (unsigned i = 0; i < worker_count(options); ++i) {
    group.spawn([this](const Cancel& cancel) -> Status {
      auto status = without_exceptions([&] { return work(cancel); });
      if (!status) {
        std::lock_guard lock(mutex);
        if (!first_error) first_error = status.error();
      }
      return status;
    });
  }
}

/// Why nothing can go on; called when something could not.
Status Writer::State::failure() const {
  std::lock_guard lock(mutex);
  if (first_error) return fail(*first_error);
  TRY(group.cancel().check());
  return fail(ErrorKind::kInternal, "the writer was used after it had finished");
}

Status Writer::State::work(const Cancel& cancel) {
  BlobEncoder encoder(options.compression);
  while (auto job = jobs.pop(cancel)) TRY(process(*job, encoder, cancel));
  return cancel.check();
}

Status Writer::State::process(Job& job, BlobEncoder& encoder, const Cancel& cancel) {
  const Id id = codec::sha256(job.plain);
  store(job, id, encoder);
  TRY(cancel.check());  // it is in no pack where no repository is left
  job.done(id);
  buffers.give(std::move(job.plain));
  count_done();
  return {};
}

/// compress -> for each repository that lacks it: seal -> prove -> pack
void Writer::State::store(const Job& job, const Id& id, BlobEncoder& encoder) {
  std::vector<Outlet*> takers;
  for (auto& outlet : outlets) {
    const bool takes = job.again ? outlet->takes_any() : outlet->wants(job.type, id, job.plain.size());
    if (takes) takers.push_back(outlet.get());
  }
  if (takers.empty()) return;
  encoder.begin({job.plain, id, job.type == BlobType::kTree || job.again}, takers.size());
  for (auto* outlet : takers) outlet->take(job.type, id, encoder.seal_for(outlet->repository()));
  encoder.end();
}

void Writer::State::count_done() {
  std::lock_guard lock(mutex);
  if (--outstanding == 0) idle.notify_all();
}

Status Writer::State::drain() {
  const Cancel cancel = group.cancel();
  {
    std::unique_lock lock(mutex);
    if (idle.wait(lock, cancel.token(), [&] { return outstanding == 0; }) && !cancel.stopped()) return {};
  }
  return failure();
}

Status Writer::State::finish(const std::function<void(size_t)>& told) {
  TRY(drain());
  jobs.close();
  if (!group.wait()) return failure();
  const auto finish_one = [&](size_t i, const Cancel&) -> Status {
    outlets[i]->finish();
    if (told && destinations.has(i)) told(i);
    return {};
  };
  TRY(parallel_for(outlets.size(), static_cast<unsigned>(outlets.size()), Cancel(), finish_one));
  TRY(destinations.cancel().check());
  finished = true;
  for (auto& outlet : outlets) outlet->abandon();  // those that failed
  return {};
}

void Writer::State::abandon() {
  for (auto& outlet : outlets) outlet->stop();
  group.stop();
  (void)group.wait();
  for (auto& outlet : outlets) outlet->abandon();
}

Writer::Writer(Repository& repository, const WriterOptions& options, const Cancel& parent) {
  auto alone = std::make_unique<Destinations>(repository, parent);
  auto& destinations = *alone;
  state_ = std::make_unique<State>(std::move(alone), destinations, options);
  state_->start();
}

Writer::Writer(Destinations& destinations, const WriterOptions& options)
    : state_(std::make_unique<State>(nullptr, destinations, options)) {
  state_->start();
}

Writer::~Writer() {
  stop();
}

void Writer::stop() {
  if (!state_->finished) state_->abandon();
}

Status Writer::State::push(Job job) {
  if (job.plain.size() >= kMaxBlob) {
    return fail(ErrorKind::kUnsupported,
                "a blob of " + std::to_string(job.plain.size()) + " bytes is too large to be stored");
  }
  TRY(destinations.cancel().check());  // known a moment before the threads hear of it
  {
    std::lock_guard lock(mutex);
    if (first_error) return fail(*first_error);
    ++outstanding;
  }
  if (jobs.push(std::move(job), group.cancel())) return {};
  return failure();
}

Bytes Writer::buffer() {
  return state_->buffers.take();
}

Status Writer::save(BlobType type, Bytes plain, Done done) {
  return state_->push({type, std::move(plain), std::move(done)});
}

Status Writer::save_again(BlobType type, Bytes plain) {
  return state_->push({type, std::move(plain), [](const Id&) {}, true});
}

Status Writer::save_sealed(BlobType type, const Id& id, ByteView unit, uint32_t plain_length) {
  state_->outlets.front()->take(type, id, BlobEncoder::Unit{unit, plain_length});
  return state_->group.cancel().stopped() ? state_->failure() : Status();
}

Status Writer::drain() {
  return state_->drain();
}

Status Writer::finish(const std::function<void(size_t)>& finished) {
  auto status = state_->finish(finished);
  if (!status) {
    std::lock_guard lock(state_->mutex);
    if (!state_->first_error) state_->first_error = status.error();
  }
  return status;
}

WriterStats Writer::stats(size_t which) const {
  return state_->outlets[which]->stats();
}

WriterStats Writer::stats() const {
  return stats(state_->destinations.first());
}

std::vector<Id> Writer::index_files() const {
  return state_->outlets.front()->index_files();
}

Cancel Writer::cancel() const {
  return state_->group.cancel();
}

namespace {

/// A zstd context, by level: an estimate from above for blobs of 8 MiB.
uint64_t context_size(Compression level) {
  switch (level) {
    case Compression::kFastest:
      return 4u << 20;
    case Compression::kBetter:
      return 32u << 20;
    case Compression::kMax:
      return 128u << 20;
    default:
      return 8u << 20;
  }
}

}  // namespace

uint64_t Writer::memory_bound(const WriterOptions& options, uint64_t largest_blob, unsigned repositories) {
  const uint64_t workers = worker_count(options);
  const uint64_t blob = largest_blob + largest_blob / 128 + (64u << 10);
  // Queued; and in each worker: plain, and compressed and sealed, where there are several for one of them, too.
  const uint64_t blobs = workers * blob + workers * (repositories > 1 ? 3 : 2) * blob;
  return blobs + workers * context_size(options.compression) +
         repositories * Outlet::memory_bound(options, workers, blob);
}

}  // namespace varve::repo
