#include "base/fd.h"

#include <unistd.h>

namespace varve {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace varve
