#pragma once

#include <string>

#include "base/result.h"

namespace varve::cli {

/// The whole of a text file as UTF-8, without its byte order mark, by which UTF-16 is known too; as restic reads those
/// that users write.
Result<std::string> read_text_file(const std::string& path);
/// The same; `-` is standard input.
Result<std::string> read_text(const std::string& path);

}  // namespace varve::cli
