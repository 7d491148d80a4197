#include "cli/writer_options.h"

#include "base/parse.h"
#include "cli/command.h"
#include "cli/context.h"

namespace varve::cli {

namespace {

std::string chosen(const std::string& word, const std::string& name, const std::string& otherwise) {
  return !word.empty() ? word : variable(name).value_or(otherwise);
}

}  // namespace

void add_writer_options(Command& command, WriterWords& words) {
  command.add_option("--compression", words.compression, "off, fastest, auto, better or max (or RESTIC_COMPRESSION)")
      ->type_name("LEVEL");
  command
      .add_option("--pack-size", words.pack_size,
                  "size of the files in the repository, in MiB, 4 to 128 (or RESTIC_PACK_SIZE)")
      ->type_name("MIB");
}

Result<repo::WriterOptions> writer_options(const WriterWords& words) {
  repo::WriterOptions options;
  TRY_ASSIGN(options.compression, parse_compression(chosen(words.compression, "COMPRESSION", "auto")));
  const auto size = chosen(words.pack_size, "PACK_SIZE", "16");
  const auto mebibytes = parse_number<uint64_t>(size);
  if (!mebibytes || *mebibytes < 4 || *mebibytes > 128) {
    return fail(ErrorKind::kInvalidInput, "the size of packs is 4 to 128 (MiB), not \"" + size + "\"");
  }
  options.pack_size = *mebibytes << 20;
  return options;
}

}  // namespace varve::cli
