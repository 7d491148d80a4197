#pragma once

#include <memory>

#include "base/bytes.h"

namespace varve::codec {

/// SHA-256 of the whole of `data`. Thread-safe.
Id sha256(ByteView data);

/// SHA-256 of data that comes in pieces. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(ByteView piece);
  /// The hash of everything so far; ready for a new message afterwards.
  Id finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace varve::codec
