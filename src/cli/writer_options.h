#pragma once

#include <string>

#include "cli/command.h"
#include "repo/writer.h"

namespace varve::cli {

/// How what is written is packed: --compression and --pack-size.
struct WriterWords {
  std::string compression, pack_size;
};
void add_writer_options(Command& command, WriterWords& words);
/// Options before the environment.
Result<repo::WriterOptions> writer_options(const WriterWords& words);

}  // namespace varve::cli
