#include "repo/writer.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "base/channel.h"
#include "base/task_group.h"
#include "codec/sha256.h"
#include "repo/index_writer.h"
#include "repo/packer.h"

namespace varve::repo {

namespace {

using codec::Compression;

constexpr uint64_t kMinPack = 4u << 20;
constexpr uint64_t kMaxPack = 128u << 20;
constexpr unsigned kMaxUploads = 5;
constexpr size_t kQueuedPacks = 1;
constexpr size_t kFilledPacks = 1;  // of a type, while as many as can be are uploaded
// Of buffers for blobs, those that are kept: smaller ones cost little, larger ones are rare.
constexpr size_t kSmallestRoom = 256u << 10;
constexpr size_t kLargestRoom = 8u << 20;
constexpr size_t kLargestUnit = 3u << 20;  // of what a worker keeps: a rare large one would stay for all the others

struct Job {
  BlobType type;
  Bytes plain;
  Writer::Done done;
  bool again = false;  ///< stored even if it is known
};

unsigned worker_count(const WriterOptions& options) {
  return options.workers != 0 ? options.workers : std::max(1u, std::thread::hardware_concurrency());
}

uint64_t clamped_pack_size(const WriterOptions& options) {
  return std::clamp(options.pack_size, kMinPack, kMaxPack);
}

unsigned upload_count(const WriterOptions& options, unsigned connections) {
  return options.uploads != 0 ? options.uploads : std::clamp(connections, 1u, kMaxUploads);
}

/// Trees are compressed whatever the level.
Compression level_for(Compression level) {
  return level == Compression::kOff ? Compression::kAuto : level;
}

/// What a worker keeps for its life.
struct Tools {
  explicit Tools(Compression level) : compressor(level_for(level)) {}
  codec::Compressor compressor;
  codec::Decompressor decompressor;
  Bytes unit;
};

}  // namespace

struct Writer::State {
  State(Repository& its_repository, const WriterOptions& its_options, const Cancel& parent)
      : repository(its_repository),
        options(its_options),
        uploads(upload_count(options, repository.storage().connections())),
        jobs(worker_count(options)),
        buffers(kSmallestRoom, kLargestRoom),
        packer(repository.key(), clamped_pack_size(options), kFilledPacks + uploads),
        packs(kQueuedPacks),
        index_writer(repository),
        group(parent) {}

  Repository& repository;
  const WriterOptions options;
  const unsigned uploads;
  Channel<Job> jobs;
  BufferPool buffers;
  Packer packer;
  Channel<PackBuilder> packs;
  IndexWriter index_writer;

  mutable std::mutex mutex;
  std::condition_variable_any idle;
  uint64_t outstanding = 0;
  std::optional<Error> first_error;
  WriterStats stats;
  bool finished = false;

  TaskGroup group;  // last: its threads use what stands above

  void start();
  Status push(Job job);
  template <typename Run>
  void spawn(Run run);
  Status failure() const;
  Status drain();
  Status finish();
  void abandon();

  Status work(const Cancel& cancel);
  Status process(Job& job, Tools& tools, const Cancel& cancel);
  Status store(const Job& job, const Id& id, Tools& tools, const Cancel& cancel);
  Status put_into_pack(BlobType type, const Id& id, ByteView unit, uint32_t plain_length, const Cancel& cancel);
  void count_done();
  Status upload(PackBuilder pack, const Cancel& cancel);
  Status upload_all(const Cancel& cancel);
};

template <typename Run>
void Writer::State::spawn(Run run) {
  group.spawn([this, run](const Cancel& cancel) -> Status {
    auto status = run(cancel);
    if (!status) {
      std::lock_guard lock(mutex);
      if (!first_error) first_error = status.error();
    }
    return status;
  });
}

void Writer::State::start() {
  for (unsigned i = 0; i < worker_count(options); ++i) {
    spawn([this](const Cancel& cancel) { return work(cancel); });
  }
  for (unsigned i = 0; i < uploads; ++i) {
    spawn([this](const Cancel& cancel) { return upload_all(cancel); });
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
  Tools tools(options.compression);
  while (auto job = jobs.pop(cancel)) TRY(process(*job, tools, cancel));
  return cancel.check();
}

Status Writer::State::process(Job& job, Tools& tools, const Cancel& cancel) {
  const Id id = codec::sha256(job.plain);
  if (job.again || repository.index().claim(job.type, id)) {
    TRY(store(job, id, tools, cancel));
  } else {
    std::lock_guard lock(mutex);
    ++stats.blobs_known;
    stats.plain_bytes_known += job.plain.size();
  }
  job.done(id);
  buffers.give(std::move(job.plain));
  count_done();
  return {};
}

/// compress -> seal -> prove -> pack
Status Writer::State::store(const Job& job, const Id& id, Tools& tools, const Cancel& cancel) {
  const ByteView plain = job.plain;
  const bool always = job.type == BlobType::kTree || job.again;
  const bool wanted = repository.config().version != 1 && (always || options.compression != Compression::kOff);
  Bytes& unit = tools.unit;
  unit.resize(codec::kIvSize);
  if (wanted && !plain.empty()) tools.compressor.compress(plain, unit);
  const size_t compressed = unit.size() - codec::kIvSize;
  uint32_t plain_length = 0;
  if (compressed > 0 && (always || compressed < plain.size())) {
    plain_length = static_cast<uint32_t>(plain.size());
  } else {
    unit.resize(codec::kIvSize);
    unit.reserve(plain.size() + codec::kSealOverhead);
    append(unit, plain);
  }
  const auto& key = repository.key();
  codec::seal_in_place(key, codec::random_iv(), unit);
  if (const auto proved = prove_blob(key, unit, plain_length, id, tools.decompressor); !proved) {
    return fail(
        Error(ErrorKind::kInternal, "a blob could not be read back before it was stored: " + proved.error().message())
            .hint("this points to a fault of memory or processor"));
  }
  TRY(put_into_pack(job.type, id, unit, plain_length, cancel));
  unit.clear();
  if (unit.capacity() > kLargestUnit) Bytes().swap(unit);
  return {};
}

Status Writer::State::put_into_pack(BlobType type, const Id& id, ByteView unit, uint32_t plain_length,
                                    const Cancel& cancel) {
  TRY_ASSIGN(auto full, packer.add(type, id, unit, plain_length, cancel));
  {
    std::lock_guard lock(mutex);
    ++(type == BlobType::kTree ? stats.tree_blobs_new : stats.data_blobs_new);
    stats.plain_bytes_new += plain_length != 0 ? plain_length : unit.size() - codec::kSealOverhead;
    stats.packed_bytes += unit.size();
  }
  if (full && !packs.push(std::move(*full), cancel)) return cancel.check();
  return {};
}

void Writer::State::count_done() {
  std::lock_guard lock(mutex);
  if (--outstanding == 0) idle.notify_all();
}

Status Writer::State::upload_all(const Cancel& cancel) {
  while (auto pack = packs.pop(cancel)) TRY(upload(std::move(*pack), cancel));
  return cancel.check();
}

/// Only a pack that is durable comes into an index, in memory or stored: who finds one there relies on it.
Status Writer::State::upload(PackBuilder pack, const Cancel& cancel) {
  if (options.dry_run) return {};
  const Id id = codec::sha256(pack.bytes());
  const ByteView pieces[] = {pack.bytes()};
  TRY(repository.storage().put(pack_handle(pack.blobs().front().type, id), pieces, cancel));
  if (options.read_back) TRY(read_back_pack(repository.storage(), {id, pack.size()}, cancel));
  auto blobs = pack.place_in(id);
  if (options.tell_index)
    repository.index().add_pack(blobs);  // taken back in abandon if the index file is never written
  packer.recycle(std::move(pack));
  return index_writer.add({id, std::move(blobs)}, cancel);
}

Status Writer::State::drain() {
  const Cancel cancel = group.cancel();
  {
    std::unique_lock lock(mutex);
    if (idle.wait(lock, cancel.token(), [&] { return outstanding == 0; }) && !cancel.stopped()) return {};
  }
  return failure();
}

Status Writer::State::finish() {
  TRY(drain());
  jobs.close();
  for (auto& pack : packer.flush()) {
    if (!packs.push(std::move(pack), group.cancel())) break;  // wait() tells why
  }
  packs.close();
  TRY(group.wait());
  TRY(index_writer.finish(group.cancel()));
  finished = !options.dry_run;  // what was not stored stays unknown
  return {};
}

/// What is not both durable and indexed must not be deduplicated against.
void Writer::State::abandon() {
  group.stop();
  (void)group.wait();
  repository.index().drop_claims();
  for (const Id& pack : index_writer.unsaved()) repository.index().drop_pack(pack);
}

Writer::Writer(Repository& repository, const WriterOptions& options, const Cancel& parent)
    : state_(std::make_unique<State>(repository, options, parent)) {
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
  {
    std::lock_guard lock(mutex);
    if (first_error) return fail(*first_error);  // known a moment before the threads hear of it
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
  const auto done = state_->put_into_pack(type, id, unit, plain_length, state_->group.cancel());
  return done ? done : state_->failure();
}

Status Writer::drain() {
  return state_->drain();
}

Status Writer::finish() {
  auto status = state_->finish();
  if (!status) {
    std::lock_guard lock(state_->mutex);
    if (!state_->first_error) state_->first_error = status.error();
  }
  return status;
}

WriterStats Writer::stats() const {
  std::lock_guard lock(state_->mutex);
  return state_->stats;
}

std::vector<Id> Writer::index_files() const {
  return state_->index_writer.files();
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

uint64_t Writer::memory_bound(const WriterOptions& options, uint64_t largest_blob) {
  constexpr uint64_t kIndexFile = 64u << 20;  // the packs of one index file, and its JSON
  const uint64_t workers = worker_count(options);
  const uint64_t blob = largest_blob + largest_blob / 128 + (64u << 10);
  const uint64_t pack = clamped_pack_size(options) + blob + (4u << 20);
  // Queued; and in each worker: plain, and compressed and sealed.
  const uint64_t blobs = workers * blob + workers * 2 * blob;
  const uint64_t uploads = upload_count(options, kMaxUploads);
  const uint64_t packs = 2 * (kFilledPacks + uploads) * pack;  // of data and of trees
  // Those of blobs as large as a pack: in each worker, queued, and uploaded.
  const uint64_t single = blob < clamped_pack_size(options) ? 0 : (workers + kQueuedPacks + uploads) * blob;
  return blobs + packs + single + workers * context_size(options.compression) + kIndexFile;
}

}  // namespace varve::repo
