#pragma once

#include <string>
#include <vector>

#include "dump/input.h"

namespace varve::dump {

/// A folder that is read, and nothing beyond it: no link inside is followed. One thread.
class SourceFolder {
 public:
  /// `path` may be a link itself: the user named it.
  static Result<SourceFolder> open(const std::string& path);
  /// A folder inside.
  Result<SourceFolder> enter(const std::string& name) const;
  Result<InputFile> file(const std::string& name) const;

  enum class Kind : uint8_t { kFile, kFolder, kLink, kOther };
  struct Entry {
    std::string name;
    Kind kind = Kind::kOther;
  };
  /// Sorted by name.
  Result<std::vector<Entry>> list() const;
  /// Its path as the user gave it.
  const std::string& shown() const { return shown_; }

 private:
  SourceFolder(InputFile folder, std::string shown) : folder_(std::move(folder)), shown_(std::move(shown)) {}

  InputFile folder_;  // holds the descriptor
  std::string shown_;
};

}  // namespace varve::dump
