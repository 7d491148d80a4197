#pragma once

#include "repo/repository.h"

namespace varve::repo {

/// How index, snapshot and lock files are stored: JSON; in format 2 the byte 2 and a zstd frame of it; sealed.
Result<Bytes> encode_unpacked(const codec::SealKey& key, unsigned version, std::string_view json);
/// Raw JSON is read in format 2 too, as restic does. kCorrupt beyond `limit` plain bytes.
Result<std::string> decode_unpacked(const codec::SealKey& key, ByteView sealed, size_t limit);

/// The most plain bytes that a file of this type may have.
size_t unpacked_limit(storage::FileType type);
/// The same for one of `sealed` bytes. Most of an index is ids, which do not compress: those that programs write take
/// two to five times their stored size. What takes more than sixteen is made to fill the memory.
size_t unpacked_limit(storage::FileType type, size_t sealed);

/// "snapshot", "index file", ... for messages.
std::string_view type_noun(storage::FileType type);

/// Loads a file whose size is known from a listing. kCorrupt, naming the file, if anything about it is wrong.
Result<std::string> load_unpacked(Repository& repository, storage::FileType type, const Id& id, uint64_t size,
                                  const Cancel& cancel);

/// The same without a copy, for index files of many megabytes.
Result<Bytes> load_unpacked_bytes(Repository& repository, storage::FileType type, const Id& id, uint64_t size,
                                  const Cancel& cancel);
/// An id or the beginning of one in lower case; empty if it is none.
std::string lower_hex(std::string_view text);

/// The one file of a type whose id begins with `prefix` (hex). kInvalidInput or kNotFound if there is not just one.
Result<Id> find_file(storage::Storage& storage, storage::FileType type, std::string_view prefix, const Cancel& cancel);

/// Every file of a type, sorted by id.
Result<std::vector<storage::FileInfo>> list_files(storage::Storage& storage, storage::FileType type,
                                                  const Cancel& cancel);

}  // namespace varve::repo
