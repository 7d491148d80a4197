#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace varve::codec {

/// A polynomial over GF(2); bit i is the coefficient of x^i.
using Polynomial = uint64_t;

bool is_irreducible(Polynomial polynomial);
/// A random irreducible polynomial of degree 53, as restic's chunker draws it.
Polynomial random_polynomial();
/// Lower-case hex without leading zeros, as in the repository's config.
std::string to_text(Polynomial polynomial);
/// kCorrupt unless it is hex, of degree 8 (what the chunker needs) to 53, and irreducible.
Result<Polynomial> parse_polynomial(std::string_view text);

/// Cuts a stream where restic does: Rabin fingerprint of a 64-byte window, 512 KiB to 8 MiB, 1 MiB on average. Feed it
/// the stream in pieces of any size. One thread at a time.
class RabinChunker {
 public:
  /// The polynomial must be one that parse_polynomial takes.
  explicit RabinChunker(Polynomial polynomial);

  /// Begins a new stream.
  void reset();

  /// How many bytes of `data` still belong to the current chunk. If that is less than all, or the chunk is full at the
  /// end of `data`, `*cut` becomes true and the next call begins a new chunk.
  size_t feed(ByteView data, bool* cut);

  static constexpr size_t kMin = 512u << 10;
  static constexpr size_t kMax = 8u << 20;

 private:
  static constexpr size_t kWindow = 64;
  static constexpr size_t kLanes = 4, kLane = 2048, kBlock = kLanes * kLane;

  /// Moves the window on over `count` bytes, of which each pushes one of `out` out, or up to a cut; true if it came to
  /// one.
  bool roll(const uint8_t* in, const uint8_t* out, size_t count, size_t* rolled);
  /// The same for bytes that lie in one piece with the kWindow bytes before them, past kMin.
  bool roll_on(const uint8_t* in, size_t count, size_t* rolled);
  /// Moves on over kBlock such bytes, unless there is a cut among them.
  bool pass_block(const uint8_t* in);
  Polynomial step(Polynomial digest, uint8_t in) const { return (digest << 8 | in) ^ mod_table_[digest >> shift_]; }
  void remember(ByteView recent);

  std::array<Polynomial, 256> out_table_{};
  std::array<Polynomial, 256> mod_table_{};
  int shift_ = 0;
  std::array<uint8_t, kWindow> window_{};  ///< oldest byte first
  Polynomial digest_ = 0;
  size_t length_ = 0;
};

}  // namespace varve::codec
