#include "maintenance/key_ring.h"

#include <algorithm>

#include "base/timed_stop.h"
#include "repo/unpacked.h"

namespace varve::maintenance {

namespace {

using repo::KeyFile;
using storage::FileType;

bool same_key(const codec::SealKey& a, const codec::SealKey& b) {
  return a.encrypt == b.encrypt && a.mac_k == b.mac_k && a.mac_r == b.mac_r;
}

/// A key counts once the storage has given it back and the password has opened it.
Status prove_key(repo::Repository& repository, const Id& id, std::string_view password, const Cancel& cancel) {
  TRY_ASSIGN(const uint64_t size, repository.storage().stat({FileType::kKey, id}, cancel));
  TRY_ASSIGN(const auto file, repo::load_key(repository.storage(), id, size, cancel));
  TRY_ASSIGN(const auto master, repo::open_key_file(file, password));
  if (!same_key(master, repository.key())) return fail(ErrorKind::kCorrupt, "it holds another master key");
  return {};
}

Status refuse_too_many(repo::Repository& repository, const Cancel& cancel) {
  TRY_ASSIGN(const auto files, repo::list_files(repository.storage(), FileType::kKey, cancel));
  if (files.size() < repo::kMaxKeysTried) return {};
  return fail(Error(ErrorKind::kInvalidInput, "the repository has " + std::to_string(files.size()) +
                                                  " keys; no program tries more than " +
                                                  std::to_string(repo::kMaxKeysTried) + " to open one")
                  .hint("`varve key list` shows them, `varve key remove ID` removes one that nobody needs"));
}

}  // namespace

Result<KeyList> list_keys(repo::Repository& repository, const Cancel& cancel) {
  TRY_ASSIGN(const auto files, repo::list_files(repository.storage(), FileType::kKey, cancel));
  KeyList list;
  for (const auto& file : files) {
    auto key = repo::load_key(repository.storage(), file.id, file.size, cancel);
    if (!key && is_stop(key.error())) return fail(key.error());
    if (key) {
      list.keys.push_back({file.id, file.id == repository.key_id(), std::move(*key)});
    } else {
      list.unreadable.push_back("key " + file.id.short_hex() + " cannot be used: " + key.error().message());
    }
  }
  std::sort(list.keys.begin(), list.keys.end(), [](const auto& a, const auto& b) {
    return std::tie(a.file.created, a.id) < std::tie(b.file.created, b.id);
  });
  return list;
}

Result<Id> add_key(repo::Repository& repository, std::string_view password, const NewKey& details,
                   const Cancel& cancel) {
  TRY(refuse_too_many(repository, cancel));
  TRY_ASSIGN(KeyFile file, repo::make_key_file(repository.key(), password, details.cost, system_clock().now()));
  if (!details.username.empty()) file.username = details.username;
  if (!details.hostname.empty()) file.hostname = details.hostname;
  TRY_ASSIGN(const Id id, repo::save_key(repository.storage(), file, cancel));
  if (auto proven = prove_key(repository, id, password, cancel); !proven) {
    (void)repository.storage().remove({FileType::kKey, id}, TimedStop(kCleanUp).cancel());
    return fail(std::move(proven).error().within("the new key cannot be used and was taken away again"));
  }
  return id;
}

Status remove_key(repo::Repository& repository, const Id& id, const Cancel& cancel) {
  if (id == repository.key_id()) {
    return fail(Error(ErrorKind::kInvalidInput, "key " + id.short_hex() + " is the one in use and is not removed")
                    .hint("open the repository with another password to remove it, or change it: `varve key passwd`"));
  }
  TRY(repository.confirm_locks(cancel));
  return repository.storage().remove({FileType::kKey, id}, cancel);
}

Result<Id> change_password(repo::Repository& repository, std::string_view password, const NewKey& details,
                           const Cancel& cancel) {
  TRY_ASSIGN(const Id added, add_key(repository, password, details, cancel));
  auto removed = repository.confirm_locks(cancel);
  if (removed) removed = repository.storage().remove({FileType::kKey, repository.key_id()}, cancel);
  if (!removed) {
    return fail(std::move(removed)
                    .error()
                    .within("the new password opens the repository, but the old one does so still")
                    .hint("`varve key remove " + repository.key_id().short_hex() +
                          "`, with the new password, takes the old one away"));
  }
  return added;
}

}  // namespace varve::maintenance
