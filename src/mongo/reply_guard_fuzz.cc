#include <algorithm>
#include <cstdlib>

#include "base/fuzz.h"
#include "mongo/reply_guard.h"

namespace {

using namespace varve;

/// The same in pieces of such a size, of which the last may be smaller.
bool in_pieces(ByteView bytes, size_t size, bool compressed) {
  mongo::ReplyGuard guard(compressed);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(size, bytes.size()))) {
    if (!guard.saw(bytes.first(std::min(size, bytes.size())))) return false;
  }
  return true;
}

/// Of whole messages that were let pass, what the driver would believe: no document reaches beyond its message.
void check_messages(ByteView bytes) {
  constexpr size_t kDocument = 21, kOldDocument = 36;
  while (bytes.size() >= sizeof(uint32_t)) {
    const uint32_t length = load_le<uint32_t>(bytes.data());
    if (length > bytes.size()) return;
    const uint32_t kind = load_le<uint32_t>(bytes.data() + 12);
    const size_t at = kind == 1 ? kOldDocument : kDocument;
    if (kind != 2012 && at + load_le<uint32_t>(bytes.data() + at) > length) std::abort();
    bytes = bytes.subspan(length);
  }
}

}  // namespace

/// What is let pass is framed soundly, and the verdict does not depend on how the network cut it.
VARVE_FUZZ(reply_guard) {
  for (const bool compressed : {false, true}) {
    const bool good = in_pieces(bytes, bytes.size() + 1, compressed);
    for (const size_t size : {1, 7, 24}) {
      if (in_pieces(bytes, size, compressed) != good) std::abort();
    }
    if (good) check_messages(bytes);
  }
}
