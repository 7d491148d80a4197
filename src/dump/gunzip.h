#pragma once

#include <memory>

#include "dump/input.h"

namespace varve::dump {

/// A stream as it is when it is not compressed.
struct PlainInput {
  ReadInto read;
  bool gzip = false;  ///< it was
};

/// Looks at how the stream begins and decompresses it if it is gzip's, of several members too. kCorrupt, while it is
/// read, for a stream that is cut off or whose checksum is wrong. 64 KiB of memory beyond a look-ahead.
Result<PlainInput> plain(ReadInto source);

}  // namespace varve::dump
