#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace varve::files {

/// Names of users and groups by number, each looked up once; empty where there is none. Thread-safe.
class Owners {
 public:
  std::string user(uint32_t uid);
  std::string group(uint32_t gid);

 private:
  using Names = std::unordered_map<uint32_t, std::string>;

  std::mutex mutex_;
  Names users_, groups_;
};

}  // namespace varve::files
