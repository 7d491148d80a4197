#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "mongo/document_walk.h"

namespace varve::mongo {

/// Looks at the framing of what a server sends before the driver does, which believes the lengths in it and reads, or
/// asks for memory, beyond what is there, and which aborts on a reply whose fields it cannot walk over. Sees the bytes
/// as they come in, and keeps none but a message's first few.
class ReplyGuard {
 public:
  /// `compressed`: whether compressed replies were asked for. What is in one cannot be looked at.
  explicit ReplyGuard(bool compressed) : compressed_(compressed) {}

  /// False once a message cannot be a server's reply. The connection is of no use then.
  bool saw(ByteView bytes);

 private:
  bool check();
  bool fits(size_t document_at, uint32_t after) const;
  uint32_t number(size_t at) const;

  const bool compressed_;
  std::array<uint8_t, 40> head_{};
  size_t have_ = 0;             ///< bytes in `head_`
  size_t wanted_ = 4;           ///< that it takes to check the next thing
  uint64_t left_ = 0;           ///< bytes of the message that are still to come
  uint64_t document_left_ = 0;  ///< of them, those of its document, which come first; 0 where that cannot be seen
  DocumentWalk document_;
};

}  // namespace varve::mongo
