#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

namespace varve::dump {

/// Takes the next bytes of what is being written.
using Sink = std::function<Status(ByteView)>;

/// Compresses a stream into one gzip member at gzip's default level, as mongodump --gzip does. About 256 KiB of memory.
/// One thread.
class GzipWriter {
 public:
  explicit GzipWriter(Sink sink);
  ~GzipWriter();
  Status write(ByteView bytes);
  /// Writes the end; nothing may follow.
  Status finish();

 private:
  struct State;
  Status deflate(int flush);
  std::unique_ptr<State> state_;
};

}  // namespace varve::dump
