#pragma once

#include <vector>

#include "storage/storage.h"

namespace varve::repo {

/// A part of the packs, as restic's --read-data-subset names it.
class PackSubset {
 public:
  PackSubset() = default;  ///< all of them
  /// "3/10": those whose id's first byte modulo 10 is 2, so that ten such runs read everything once; at most 256 parts.
  /// "2.5%": so many of them, drawn anew each time, at least one. "50G" (K, M, G, T or bytes): so large a share.
  /// kInvalidInput, with what would do, for anything else.
  static Result<PackSubset> parse(std::string_view text);

  std::vector<storage::FileInfo> choose(std::vector<storage::FileInfo> packs) const;

 private:
  enum class Kind : uint8_t { kAll, kPart, kShare, kSize };

  Kind kind_ = Kind::kAll;
  unsigned part_ = 1, parts_ = 1;
  double share_ = 0;  ///< 0 to 1
  uint64_t size_ = 0;
};

}  // namespace varve::repo
