#include "storage/testing/helpers.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "codec/sha256.h"

namespace varve::storage::testing {

Bytes content(size_t size, uint64_t seed) {
  Bytes bytes(size);
  uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
  for (uint8_t& b : bytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    b = static_cast<uint8_t>(state >> 56);
  }
  return bytes;
}

Handle handle_for(FileType type, ByteView bytes) {
  return {type, codec::sha256(bytes)};
}

Status put(Storage& storage, const Handle& handle, ByteView bytes) {
  return storage.put(handle, {&bytes, 1}, Cancel());
}

Result<std::map<Id, uint64_t>> listed(Storage& storage, FileType type) {
  std::map<Id, uint64_t> found;
  const auto collect = [&](const FileInfo& info) -> Status {
    if (found.emplace(info.id, info.size).second) return {};
    return fail(ErrorKind::kInternal, "listed twice: " + info.id.hex());
  };
  TRY(storage.list(type, collect, Cancel()));
  return found;
}

namespace {

/// In memory if possible: what the tests wait for otherwise is the disk's journal.
std::string place_for_folders() {
  const char* memory = "/dev/shm";
  if (std::getenv("TMPDIR") == nullptr && ::access(memory, W_OK) == 0) return memory;
  return std::filesystem::temp_directory_path();
}

}  // namespace

TemporaryFolder::TemporaryFolder() : path_(place_for_folders() + "/varve-test-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace varve::storage::testing
