#pragma once

#include <map>
#include <optional>
#include <string>

#include "net/sigv4.h"

namespace varve::storage {

/// A section of the two files of Amazon's tools.
class AwsProfile {
 public:
  /// What the file of credentials says of it, and what only the other one does; nothing if neither knows it. Keys come
  /// from one of them.
  static std::optional<AwsProfile> read(const std::string& credentials_file, const std::string& config_file,
                                        const std::string& name);

  bool has(const char* setting) const { return settings_.contains(setting); }
  /// Empty where it has none.
  std::string get(const char* setting) const;
  net::AwsKeys keys() const;

 private:
  explicit AwsProfile(std::map<std::string, std::string> settings) : settings_(std::move(settings)) {}

  std::map<std::string, std::string> settings_;
};

}  // namespace varve::storage
