#include "repo/repository.h"

#include <map>
#include <mutex>

#include "base/parallel.h"
#include "base/timed_stop.h"
#include "codec/sha256.h"
#include "repo/blob_reader.h"
#include "repo/config.h"
#include "repo/keys.h"
#include "repo/unpacked.h"
#include "storage/gated.h"

namespace varve::repo {

using storage::FileType;

struct Repository::State {
  State(std::shared_ptr<storage::Storage> place, const codec::SealKey& master, const Id& its_key_id,
        const Config& its_config)
      : storage(std::move(place),
                [this](const storage::Handle& handle, const Cancel& cancel) {
                  return handle.type == FileType::kLock ? Status() : ask(&LockQuestions::settled, cancel);
                }),
        key(master),
        key_id(its_key_id),
        config(its_config) {}

  Status ask(std::function<Status(const Cancel&)> LockQuestions::*question, const Cancel& cancel) {
    std::lock_guard guard(locks_mutex);
    for (const auto& [lock, questions] : locks) TRY((questions.*question)(cancel));
    return {};
  }

  storage::GatedStorage storage;
  const codec::SealKey key;
  const Id key_id;
  const Config config;
  Index index;
  BlobReader blobs{storage, key};
  std::mutex locks_mutex;
  std::map<const void*, LockQuestions> locks;
};

Repository::Repository() = default;
Repository::~Repository() = default;

namespace {

/// Gives the key's id. A key without its config would keep the place from being used: it is taken back where the config
/// is surely not there.
Result<Id> store_key_and_config(storage::Storage& storage, const KeyFile& key_file, const codec::SealKey& master,
                                const Config& config, const Cancel& cancel) {
  TRY_ASSIGN(const Id key_id, save_key(storage, key_file, cancel));
  auto saved = save_config(storage, master, config, cancel);
  if (saved) return key_id;
  // Where nobody knows whether the config was stored, it may need the key.
  const bool unknown = saved.error().kind() == ErrorKind::kUnavailable || is_stop(saved.error());
  if (!unknown) (void)storage.remove({FileType::kKey, key_id}, TimedStop(kCleanUp).cancel());
  return fail(saved.error());
}

Status refuse_leftovers(storage::Storage& storage, const Cancel& cancel) {
  for (const FileType type : {FileType::kKey, FileType::kSnapshot}) {
    TRY_ASSIGN(const auto files, list_files(storage, type, cancel));
    if (files.empty()) continue;
    return fail(Error(ErrorKind::kExists, storage.location() + " has no config but holds a " +
                                              std::string(type_noun(type)) + " (" + files.front().id.short_hex() + ")")
                    .hint("if it was a repository, bring its config back from a copy")
                    .hint("if an earlier init was interrupted, remove the folder keys and try again"));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Repository>> Repository::init(std::shared_ptr<storage::Storage> storage,
                                                     std::string_view password,
                                                     std::optional<codec::Polynomial> polynomial, const KeyCost& cost,
                                                     const Cancel& cancel) {
  TRY(storage->create(cancel));
  TRY(refuse_leftovers(*storage, cancel));

  Config config;
  random_bytes(config.id.bytes);
  config.polynomial = polynomial ? *polynomial : codec::random_polynomial();
  const auto master = random_key();
  TRY_ASSIGN(const auto key_file, make_key_file(master, password, cost, system_clock().now()));
  TRY_ASSIGN(const Id key_id, store_key_and_config(*storage, key_file, master, config, cancel));

  auto repository = std::unique_ptr<Repository>(new Repository());
  repository->state_ = std::make_unique<State>(std::move(storage), master, key_id, config);
  return repository;
}

Result<std::unique_ptr<Repository>> Repository::open(std::shared_ptr<storage::Storage> storage,
                                                     std::string_view password, const Cancel& cancel,
                                                     std::string_view key_hint, std::optional<Bytes> sealed_config) {
  if (!sealed_config) {
    TRY_ASSIGN(sealed_config, load_sealed_config(*storage, cancel));
  }
  auto repository = std::unique_ptr<Repository>(new Repository());
  const auto use = [&](const codec::SealKey& master, const Id& key_id) -> Status {
    TRY_ASSIGN(const auto config, open_config(master, *sealed_config));
    repository->state_ = std::make_unique<State>(storage, master, key_id, config);
    return {};
  };
  TRY(with_master_key(*storage, password, use, cancel, key_hint));
  return repository;
}

const Config& Repository::config() const {
  return state_->config;
}
storage::Storage& Repository::storage() {
  return state_->storage;
}
const codec::SealKey& Repository::key() const {
  return state_->key;
}
const Id& Repository::key_id() const {
  return state_->key_id;
}
Index& Repository::index() {
  return state_->index;
}
const Index& Repository::index() const {
  return state_->index;
}

Status Repository::load_index(const Cancel& cancel) {
  TRY_ASSIGN(const auto files, list_files(storage(), FileType::kIndex, cancel));
  const auto load_one = [&](size_t i, const Cancel& inner) -> Status {
    TRY_ASSIGN(const auto json, load_unpacked_bytes(*this, FileType::kIndex, files[i].id, files[i].size, inner));
    auto decoded = decode_index(as_text(json), [&](const IndexedPack& pack) { state_->index.load_pack(pack.blobs); });
    if (!decoded) return fail(std::move(decoded).error().within("index file " + files[i].id.short_hex()));
    return {};
  };
  const auto loaded = parallel_for(files.size(), storage().connections(), cancel, load_one);
  state_->index.settle();
  return loaded;
}

Result<Bytes> Repository::load_blob(BlobType type, const Id& id, const Cancel& cancel) {
  return state_->blobs.load(state_->index, type, id, cancel);
}

Result<std::vector<Node>> Repository::load_tree(const Id& id, const Cancel& cancel) {
  TRY_ASSIGN(const auto json, load_blob(BlobType::kTree, id, cancel));
  auto nodes = decode_tree(as_text(json));
  if (!nodes) return fail(std::move(nodes).error().within("tree " + id.short_hex() + " cannot be used"));
  return nodes;
}

Result<Id> Repository::save_file(FileType type, std::string_view json, const Cancel& cancel) {
  TRY_ASSIGN(const auto sealed, encode_unpacked(key(), config().version, json));
  const Id id = codec::sha256(sealed);
  const ByteView pieces[] = {sealed};
  TRY(storage().put({type, id}, pieces, cancel));
  return id;
}

Status Repository::confirm_locks(const Cancel& cancel) {
  return state_->ask(&LockQuestions::confirm, cancel);
}

void Repository::add_lock(const void* lock, LockQuestions questions) {
  std::lock_guard guard(state_->locks_mutex);
  state_->locks.emplace(lock, std::move(questions));
}

void Repository::drop_lock(const void* lock) {
  std::lock_guard guard(state_->locks_mutex);
  state_->locks.erase(lock);
}

Result<std::string> Repository::load_file(FileType type, const Id& id, const Cancel& cancel) {
  TRY_ASSIGN(const uint64_t size, storage().stat({type, id}, cancel));
  return load_unpacked(*this, type, id, size, cancel);
}

}  // namespace varve::repo
