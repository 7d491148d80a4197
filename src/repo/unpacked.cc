#include "repo/unpacked.h"

#include <algorithm>

#include "codec/zstd.h"
#include "repo/read_named.h"

namespace varve::repo {

namespace {

using storage::FileType;

constexpr uint8_t kCompressedJson = 2;

unexpected<Error> damaged(FileType type, const Id& id, std::string_view why) {
  return fail(Error(ErrorKind::kCorrupt,
                    std::string(type_noun(type)) + " " + id.short_hex() + " is damaged: " + std::string(why))
                  .hint("`varve check` tells what else is affected"));
}

}  // namespace

std::string lower_hex(std::string_view text) {
  if (text.size() > 64 || text.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return {};
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

std::string_view type_noun(FileType type) {
  switch (type) {
    case FileType::kConfig:
      return "config";
    case FileType::kKey:
      return "key";
    case FileType::kLock:
      return "lock";
    case FileType::kSnapshot:
      return "snapshot";
    case FileType::kIndex:
      return "index file";
    case FileType::kPack:
      return "pack";
  }
  return "file";
}

size_t unpacked_limit(FileType type) {
  switch (type) {
    case FileType::kIndex:
      return size_t{1} << 30;
    case FileType::kSnapshot:
      return size_t{8} << 20;  // a hundred thousand paths; and all snapshots are held at once
    default:
      return size_t{1} << 20;
  }
}

size_t unpacked_limit(FileType type, size_t sealed) {
  constexpr size_t kFactor = 16, kFree = size_t{1} << 20;
  const size_t most = unpacked_limit(type);
  if (type != FileType::kIndex || sealed > most / kFactor) return most;
  return std::max(kFree, kFactor * sealed);
}

Result<Bytes> encode_unpacked(const codec::SealKey& key, unsigned version, std::string_view json) {
  Bytes plain;
  if (version == 1) {
    plain = to_bytes(as_bytes(json));
  } else {
    plain.push_back(kCompressedJson);
    codec::Compressor().compress(as_bytes(json), plain);
  }
  Bytes sealed;
  sealed.reserve(plain.size() + codec::kSealOverhead);
  codec::seal(key, codec::random_iv(), plain, sealed);
  // What leaves this process has been read back once: compressors and memory have been known to fail.
  const auto again = decode_unpacked(key, sealed, json.size());
  if (!again || *again != json) return fail(ErrorKind::kInternal, "a file could not be read back before it was stored");
  return sealed;
}

namespace {

Result<Bytes> open_unpacked(const codec::SealKey& key, ByteView sealed, size_t limit) {
  TRY_ASSIGN(auto plain, codec::unseal(key, sealed));
  if (plain.empty()) return plain;
  if (plain[0] == '{' || plain[0] == '[') {
    if (plain.size() > limit) return fail(ErrorKind::kCorrupt, "it is larger than any file of its kind");
    return plain;
  }
  if (plain[0] != kCompressedJson) return fail(ErrorKind::kCorrupt, "its encoding is unknown");
  return codec::Decompressor().decompress_up_to(ByteView(plain).subspan(1), limit);
}

}  // namespace

Result<std::string> decode_unpacked(const codec::SealKey& key, ByteView sealed, size_t limit) {
  TRY_ASSIGN(const auto json, open_unpacked(key, sealed, limit));
  return std::string(as_text(json));
}

Result<Bytes> load_unpacked_bytes(Repository& repository, FileType type, const Id& id, uint64_t size,
                                  const Cancel& cancel) {
  if (size > unpacked_limit(type)) return damaged(type, id, "it is larger than any file of its kind");
  if (size == 0) return damaged(type, id, "it is empty");
  auto sealed = read_named(repository.storage(), {type, id}, size, cancel);
  if (!sealed && sealed.error().kind() == ErrorKind::kCorrupt) return damaged(type, id, sealed.error().message());
  if (!sealed) return fail(sealed.error());
  auto json = open_unpacked(repository.key(), *sealed, unpacked_limit(type, sealed->size()));
  if (!json) return damaged(type, id, json.error().message());
  return json;
}

Result<std::string> load_unpacked(Repository& repository, FileType type, const Id& id, uint64_t size,
                                  const Cancel& cancel) {
  TRY_ASSIGN(const auto json, load_unpacked_bytes(repository, type, id, size, cancel));
  return std::string(as_text(json));
}

Result<std::vector<storage::FileInfo>> list_files(storage::Storage& storage, FileType type, const Cancel& cancel) {
  std::vector<storage::FileInfo> files;
  TRY(storage.list(
      type,
      [&](const storage::FileInfo& file) -> Status {
        files.push_back(file);
        return {};
      },
      cancel));
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return files;
}

Result<Id> find_file(storage::Storage& storage, FileType type, std::string_view prefix, const Cancel& cancel) {
  const std::string noun(type_noun(type));
  const std::string wanted = lower_hex(prefix);
  if (wanted.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "\"" + std::string(prefix) + "\" is no id of a " + noun)
                    .hint("give an id or the beginning of one, in hex"));
  }
  TRY_ASSIGN(auto files, list_files(storage, type, cancel));
  std::erase_if(files, [&](const storage::FileInfo& file) { return !file.id.hex().starts_with(wanted); });
  if (files.empty()) return fail(ErrorKind::kNotFound, "there is no " + noun + " \"" + std::string(prefix) + "\"");
  if (files.size() == 1) return files.front().id;
  return fail(Error(ErrorKind::kInvalidInput, "\"" + std::string(prefix) + "\" is the beginning of " +
                                                  std::to_string(files.size()) + " ids of a " + noun)
                  .hint("give more of it"));
}

}  // namespace varve::repo
