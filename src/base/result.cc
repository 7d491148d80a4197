#include "base/result.h"

#include <cerrno>
#include <cstring>
#include <new>

namespace varve {

Error system_error(std::string_view what, int error_number) {
  auto kind = ErrorKind::kUnavailable;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      kind = ErrorKind::kNoSpace;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = ErrorKind::kDenied;
      break;
    case ENOENT:
    case ENOTDIR:
      kind = ErrorKind::kNotFound;
      break;
    case EEXIST:
      kind = ErrorKind::kExists;
      break;
    default:
      break;
  }
  return Error(kind, std::string(what) + ": " + std::strerror(error_number));
}

Error exception_error(const std::exception& exception) {
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) {
    return Error(ErrorKind::kUnavailable, "there is not enough memory");
  }
  return Error(ErrorKind::kInternal, std::string("unexpected exception: ") + exception.what());
}

}  // namespace varve
