#pragma once

#include <gtest/gtest.h>

#include "repo/check.h"
#include "repo/testing/small_backup.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::maintenance::testing {

using namespace repo::testing;
using storage::FileType;

/// A repository with one backup of two files, to be damaged by the test.
class DamagedRepository : public ::testing::Test {
 protected:
  void SetUp() override { snapshot_ = store(files_); }

  Id store(const Files& files);
  /// As a new process sees it.
  std::unique_ptr<repo::Repository> reopen();
  std::vector<Id> list(FileType type);
  Id only(FileType type);
  /// The findings of a check that reads everything, one a line; hints too if asked for.
  std::string damage(bool hints = false);
  /// What the snapshot holds now.
  Files content(const Id& snapshot);
  /// Where the blob lies that begins `content` at `offset`, of blobs of kBlob bytes.
  repo::BlobLocation place_of(const std::string& content, size_t offset);
  Bytes bytes(FileType type, const Id& id);
  void replace(FileType type, const Id& id, ByteView bytes);
  void remove(FileType type, const Id& id);
  std::vector<repo::IndexedPack> indexed();
  /// One index file that says this, in place of all there are.
  void lie(const std::vector<repo::IndexedPack>& packs);

  static constexpr size_t kBlob = 10'000;
  const Files files_ = {{"dump/shop/orders.bson", sample_text(50'000, 1)},
                        {"dump/shop/users.bson", sample_noise(30'000, 2)}};
  const std::string& users_ = files_.at("dump/shop/users.bson");
  std::shared_ptr<storage::MemoryStorage> memory_ = std::make_shared<storage::MemoryStorage>();
  std::shared_ptr<storage::FaultStorage> faulty_ = std::make_shared<storage::FaultStorage>(memory_);
  std::unique_ptr<repo::Repository> repository_ = make_repository(faulty_);
  Id snapshot_;
};

}  // namespace varve::maintenance::testing
