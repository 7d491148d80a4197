#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/seal.h"

namespace varve::moment {

/// Where in a spill file a piece lies.
struct Extent {
  uint64_t offset = 0;
  uint32_t size = 0;  ///< of its plain bytes
};

/// A file without a name for what does not fit into memory: sealed piece by piece under a random key that is nowhere
/// but in memory, gone with the process. Thread-safe.
class Spill {
 public:
  /// `folder` may be empty: then every write is kInvalidInput, which says that `memory` bytes were not enough.
  static Result<std::unique_ptr<Spill>> open(const std::string& folder, uint64_t memory);
  ~Spill();
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  Result<Extent> write(ByteView plain);
  /// kCorrupt if the disk gives back other bytes than it got.
  Result<Bytes> read(Extent extent) const;
  /// The piece is not needed any more: its space goes back to the disk where the file system can do that.
  void release(Extent extent);
  uint64_t written() const { return written_; }

  /// What to say where memory is not enough and spilling cannot help.
  tl::unexpected<Error> too_little(std::string_view for_what) const;

 private:
  Spill(std::string folder, uint64_t memory, int file);
  const std::string folder_;
  const uint64_t memory_;
  const int file_;  // -1 without a folder
  codec::SealKey key_;
  std::atomic<uint64_t> end_{0}, written_{0};
};

}  // namespace varve::moment
