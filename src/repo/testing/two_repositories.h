#pragma once

#include <mutex>

#include <gtest/gtest.h>

#include "repo/destinations.h"
#include "repo/testing/small_backup.h"
#include "repo/writer.h"
#include "storage/fault.h"
#include "storage/memory.h"

namespace varve::repo::testing {

/// Keeps what it is warned of.
class Listener final : public Reporter {
 public:
  void progress(const Progress&) override {}
  void note(std::string_view) override {}
  void warning(std::string_view sentence) override {
    std::lock_guard lock(mutex_);
    warnings_.emplace_back(sentence);
  }
  std::vector<std::string> warnings() const {
    std::lock_guard lock(mutex_);
    return warnings_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> warnings_;
};

/// Two repositories with keys and cuts of their own, on storages that can fail.
class TwoRepositories : public ::testing::Test {
 protected:
  struct Side {
    std::shared_ptr<storage::MemoryStorage> memory = std::make_shared<storage::MemoryStorage>();
    std::shared_ptr<storage::FaultStorage> faulty = std::make_shared<storage::FaultStorage>(memory);
    std::unique_ptr<Repository> repository = make_repository(faulty);
    std::stop_source lock{};
    std::shared_ptr<StopReason> lock_reason = std::make_shared<StopReason>();
  };

  std::unique_ptr<Destinations> both() {
    std::vector<Destinations::Destination> all;
    for (auto* side : {&a_, &b_}) {
      all.push_back({*side->repository, Cancel(side->lock.get_token(), side->lock_reason)});
    }
    return std::make_unique<Destinations>(all, Cancel(stop_.get_token()), listener_);
  }

  static WriterOptions narrow() {
    WriterOptions options;
    options.workers = 2;
    options.compression = codec::Compression::kFastest;
    options.pack_size = 4u << 20;
    return options;
  }

  Side a_, b_;
  std::stop_source stop_;
  Listener listener_;
};

}  // namespace varve::repo::testing
