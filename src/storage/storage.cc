#include "storage/storage.h"

#include "storage/layout.h"

namespace varve::storage {

std::string Handle::path() const {
  return relative_path(*this);
}

uint64_t payload_size(Payload payload) {
  uint64_t size = 0;
  for (ByteView piece : payload) size += piece.size();
  return size;
}

}  // namespace varve::storage
