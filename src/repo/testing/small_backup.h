#pragma once

#include <map>
#include <memory>
#include <string>

#include "repo/index.h"
#include "repo/writer.h"

namespace varve::repo::testing {

inline constexpr std::string_view kPassword = "geheim";
/// Cheap enough for thousands of keys a test.
inline constexpr KeyCost kCheapKey{1024, 8, 1};

/// A new repository; ends the test if that fails.
std::unique_ptr<Repository> make_repository(std::shared_ptr<storage::Storage> storage);
/// Opens it again and loads the index.
Result<std::unique_ptr<Repository>> open_repository(std::shared_ptr<storage::Storage> storage);

/// Path ("dump/shop/orders.bson") to content, in blobs of `blob_size`.
using Files = std::map<std::string, std::string>;
struct BackupOptions {
  WriterOptions writer;
  size_t blob_size = 1u << 20;
  Time time = Time(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));
  std::string host = "shop";
  std::vector<std::string> tags;
};
/// Stores files and a snapshot of them, as a backup would. Gives the snapshot's id.
Result<Id> back_up(Repository& repository, const Files& files, const BackupOptions& options = {});
/// Everything below a snapshot's tree.
Result<Files> read_back(Repository& repository, const Id& snapshot);

/// Text that compresses, `size` bytes long, different by `seed`; the same on every machine.
std::string sample_text(size_t size, uint32_t seed);
/// Bytes that do not compress.
std::string sample_noise(size_t size, uint32_t seed);

}  // namespace varve::repo::testing
