#pragma once

#include "repo/host.h"
#include "repo/repository.h"

namespace varve::repo {

/// A key file: the master key, sealed under a key derived from a password. Plain JSON.
struct KeyFile {
  Time created{};
  std::string username, hostname;
  uint64_t n = 0, r = 0, p = 0;
  Bytes salt;
  Bytes data;
};

std::string encode_key_file(const KeyFile& key);
/// kCorrupt if it is not one, kUnsupported for an unknown key derivation.
Result<KeyFile> decode_key_file(std::string_view json);

codec::SealKey random_key();
/// The master key's JSON, which a key file holds sealed.
std::string encode_master_key(const codec::SealKey& key);
/// Seals `master` under the password.
Result<KeyFile> make_key_file(const codec::SealKey& master, std::string_view password, const KeyCost& cost, Time now);
/// kWrongPassword if the password is not this key's.
Result<codec::SealKey> open_key_file(const KeyFile& key, std::string_view password);

/// Stores a key file; gives its id.
Result<Id> save_key(storage::Storage& storage, const KeyFile& key, const Cancel& cancel);
/// The file `id` of `size` bytes, its name verified.
Result<KeyFile> load_key(storage::Storage& storage, const Id& id, uint64_t size, const Cancel& cancel);

/// restic tries no more key files than these, as each costs up to a second; nor do we.
inline constexpr size_t kMaxKeysTried = 20;

/// Tries `use` with the master key of every key file (and its id) that the password opens until it succeeds; its last
/// error is returned if it never does. A key file that is damaged locks nobody out: it is passed over, and named if
/// none opens. Those whose id begins with `hint` come first, if it is not empty.
Status with_master_key(storage::Storage& storage, std::string_view password,
                       const std::function<Status(const codec::SealKey&, const Id& key)>& use, const Cancel& cancel,
                       std::string_view hint = {});

}  // namespace varve::repo
