#include "repo/config.h"

#include "repo/json_object.h"
#include "repo/json_reader.h"

namespace varve::repo {

namespace {

constexpr uint64_t kMaxFile = 1u << 20;
constexpr storage::Handle kHandle{storage::FileType::kConfig, Id{}};

/// A bucket that is not there is likelier misspelt than a repository that was not made yet.
Error no_repository(storage::Storage& storage, const Cancel& cancel) {
  auto what = "there is no repository at " + storage.location();
  const auto ignore = [](const storage::FileInfo&) { return Status(); };
  const auto looked = storage.list(storage::FileType::kConfig, ignore, cancel);
  const bool no_place = !looked && looked.error().kind() == ErrorKind::kNotFound;
  if (no_place) what += ": " + looked.error().message();
  return Error(ErrorKind::kNoRepository, what)
      .hint(no_place ? "is its name right? `varve init` makes it, and the repository" : "`varve init` makes one");
}

}  // namespace

std::string encode_config(const Config& config) {
  std::string out;
  JsonObject object(out);
  object.number("version", config.version);
  object.id("id", config.id);
  object.string("chunker_polynomial", codec::to_text(config.polynomial));
  object.close();
  return out;
}

Result<Config> decode_config(std::string_view json) {
  Config config;
  config.version = 0;
  std::string polynomial;
  JsonReader in(json);
  TRY(in.object([&](std::string_view key) -> Status {
    if (key == "version") return in.number(config.version);
    if (key == "id") return in.id(config.id);
    if (key == "chunker_polynomial") return in.string(polynomial);
    return in.skip();
  }));
  TRY(in.end());
  if (config.version < 1 || config.version > 2) {
    Error error(ErrorKind::kUnsupported,
                "the repository has format version " + std::to_string(config.version) + "; known are 1 and 2");
    if (config.version > 2) error.hint("a newer varve may read it, and the restic that made it does");
    return fail(std::move(error));
  }
  TRY_ASSIGN(config.polynomial, codec::parse_polynomial(polynomial));
  return config;
}

Status save_config(storage::Storage& storage, const codec::SealKey& key, const Config& config, const Cancel& cancel) {
  Bytes sealed;
  codec::seal(key, codec::random_iv(), as_bytes(encode_config(config)), sealed);
  const ByteView pieces[] = {sealed};
  return storage.put(kHandle, pieces, cancel);
}

Result<Bytes> load_sealed_config(storage::Storage& storage, const Cancel& cancel) {
  const auto size = storage.stat(kHandle, cancel);
  if (!size && size.error().kind() == ErrorKind::kNotFound) return fail(no_repository(storage, cancel));
  if (!size) return fail(size.error());
  if (*size > kMaxFile || *size == 0) {
    return fail(ErrorKind::kCorrupt,
                "the config of the repository at " + storage.location() + " has an impossible size");
  }
  return storage.get(kHandle, 0, *size, cancel);
}

Result<Config> open_config(const codec::SealKey& key, ByteView sealed) {
  auto plain = codec::unseal(key, sealed);
  if (!plain) return fail(std::move(plain).error().within("the repository's config is damaged"));
  auto config = decode_config(as_text(*plain));
  if (!config) return fail(std::move(config).error().within("the repository's config cannot be used"));
  return config;
}

}  // namespace varve::repo
