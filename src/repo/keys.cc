#include "repo/keys.h"

#include <algorithm>

#include "codec/base64.h"
#include "codec/sha256.h"
#include "repo/go_time.h"
#include "repo/json_object.h"
#include "repo/json_reader.h"
#include "repo/read_named.h"
#include "repo/unpacked.h"

namespace varve::repo {

namespace {

constexpr uint64_t kMaxFile = 1u << 20;
constexpr size_t kSaltSize = 64;

template <size_t N>
Status decode_part(JsonReader& in, std::array<uint8_t, N>& out) {
  Bytes bytes;
  TRY(in.base64(bytes));
  if (bytes.size() != N) return in.error("a key of the wrong size");
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return {};
}

Result<codec::SealKey> decode_master(std::string_view json) {
  codec::SealKey key;
  int parts = 0;
  JsonReader in(json);
  TRY(in.object([&](std::string_view name) -> Status {
    if (name == "encrypt") return ++parts, decode_part(in, key.encrypt);
    if (name != "mac") return in.skip();
    return in.object([&](std::string_view inner) -> Status {
      if (inner == "k") return ++parts, decode_part(in, key.mac_k);
      if (inner == "r") return ++parts, decode_part(in, key.mac_r);
      return in.skip();
    });
  }));
  TRY(in.end());
  if (parts < 3) return fail(ErrorKind::kCorrupt, "the master key is incomplete");
  return key;
}

}  // namespace

std::string encode_key_file(const KeyFile& key) {
  std::string out;
  JsonObject object(out);
  object.string("created", format_go_time(key.created));
  object.string("username", key.username);
  object.string("hostname", key.hostname);
  object.string("kdf", "scrypt");
  object.number("N", key.n);
  object.number("r", key.r);
  object.number("p", key.p);
  object.string("salt", codec::base64(key.salt));
  object.string("data", codec::base64(key.data));
  object.close();
  return out;
}

Result<KeyFile> decode_key_file(std::string_view json) {
  KeyFile key;
  std::string kdf;
  JsonReader in(json);
  TRY(in.object([&](std::string_view name) -> Status {
    if (name == "created") return in.time(key.created);
    if (name == "username") return in.string(key.username);
    if (name == "hostname") return in.string(key.hostname);
    if (name == "kdf") return in.string(kdf);
    if (name == "N") return in.number(key.n);
    if (name == "r") return in.number(key.r);
    if (name == "p") return in.number(key.p);
    if (name == "salt") return in.base64(key.salt);
    if (name == "data") return in.base64(key.data);
    return in.skip();
  }));
  TRY(in.end());
  if (kdf != "scrypt") {
    return fail(ErrorKind::kUnsupported, "it derives its key with " + codec::go_json_string(kdf) + ", not scrypt");
  }
  if (key.salt.size() != kSaltSize) return fail(ErrorKind::kCorrupt, "its salt has not 64 bytes");
  return key;
}

std::string encode_master_key(const codec::SealKey& key) {
  std::string out;
  JsonObject object(out);
  std::string mac;
  JsonObject inner(mac);
  inner.string("k", codec::base64(key.mac_k));
  inner.string("r", codec::base64(key.mac_r));
  inner.close();
  object.raw("mac", mac);
  object.string("encrypt", codec::base64(key.encrypt));
  object.close();
  return out;
}

codec::SealKey random_key() {
  codec::SealKey key;
  random_bytes(key.encrypt);
  random_bytes(key.mac_k);
  random_bytes(key.mac_r);
  return key;
}

Result<KeyFile> make_key_file(const codec::SealKey& master, std::string_view password, const KeyCost& cost, Time now) {
  const Host host = this_host();
  KeyFile key{now, host.username, host.hostname, cost.n, cost.r, cost.p, Bytes(kSaltSize), {}};
  random_bytes(key.salt);
  TRY_ASSIGN(const auto user, codec::derive_key(password, key.salt, key.n, key.r, key.p));
  codec::seal(user, codec::random_iv(), as_bytes(encode_master_key(master)), key.data);
  return key;
}

Result<codec::SealKey> open_key_file(const KeyFile& key, std::string_view password) {
  TRY_ASSIGN(const auto user, codec::derive_key(password, key.salt, key.n, key.r, key.p));
  const auto plain = codec::unseal(user, key.data);
  if (!plain) return fail(ErrorKind::kWrongPassword, "the password is not that of this key");
  return decode_master(as_text(*plain));
}

Result<Id> save_key(storage::Storage& storage, const KeyFile& key, const Cancel& cancel) {
  const std::string json = encode_key_file(key);
  const Id id = codec::sha256(as_bytes(json));
  const ByteView pieces[] = {as_bytes(json)};
  TRY(storage.put({storage::FileType::kKey, id}, pieces, cancel));
  return id;
}

Result<KeyFile> load_key(storage::Storage& storage, const Id& id, uint64_t size, const Cancel& cancel) {
  if (size > kMaxFile || size == 0) return fail(ErrorKind::kCorrupt, "it has an impossible size");
  TRY_ASSIGN(const auto bytes, read_named(storage, {storage::FileType::kKey, id}, size, cancel));
  return decode_key_file(as_text(bytes));
}

Status with_master_key(storage::Storage& storage, std::string_view password,
                       const std::function<Status(const codec::SealKey&, const Id& key)>& use, const Cancel& cancel,
                       std::string_view hint) {
  std::vector<storage::FileInfo> files;
  TRY(storage.list(
      storage::FileType::kKey,
      [&](const storage::FileInfo& file) -> Status {
        files.push_back(file);
        return {};
      },
      cancel));
  if (files.empty()) {
    return fail(Error(ErrorKind::kCorrupt, "the repository at " + storage.location() + " has no key")
                    .hint("without its key files nobody can read it: bring the folder keys back from a copy"));
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  if (const auto beginning = lower_hex(hint); !beginning.empty()) {
    std::stable_partition(files.begin(), files.end(),
                          [&](const auto& file) { return file.id.hex().starts_with(beginning); });
  }

  Error wrong(ErrorKind::kWrongPassword, "the password opens no key of the repository at " + storage.location());
  std::optional<Error> last;
  size_t tried = 0;
  for (const auto& file : files) {
    if (tried == kMaxKeysTried) break;
    TRY(cancel.check());
    const auto key = load_key(storage, file.id, file.size, cancel);
    if (!key && (key.error().kind() == ErrorKind::kUnavailable || is_stop(key.error()))) {
      return fail(key.error());
    }
    if (key) ++tried;
    const auto master = key ? open_key_file(*key, password) : Result<codec::SealKey>(fail(key.error()));
    if (!master) {
      if (master.error().kind() == ErrorKind::kWrongPassword) continue;
      wrong.hint("key " + file.id.short_hex() + " was passed over: " + master.error().message());
      continue;
    }
    auto used = use(*master, file.id);
    if (used) return {};
    last = used.error();
  }
  if (last) return fail(*last);
  return fail(
      std::move(wrong).hint("RESTIC_PASSWORD_FILE, --password-file and their relatives say where it is taken from"));
}

}  // namespace varve::repo
