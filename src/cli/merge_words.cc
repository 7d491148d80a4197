#include "cli/merge_words.h"

#include <cstdlib>

#include "cli/context.h"

namespace varve::cli {

namespace {

std::string temporary_folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/var/tmp";
}

}  // namespace

void add_merge_options(Command& command, MergeWords& words) {
  command
      .add_option("--memory", words.memory,
                  "for what changed while the backup was read (default: " + words.memory + ")")
      ->type_name("SIZE");
  command
      .add_option("--spill-dir", words.spill_folder,
                  "where more than that goes, encrypted, into a file without a name (default: $TMPDIR or /var/tmp)")
      ->type_name("DIR");
}

Result<job::MergeOptions> merge_options(const MergeWords& words) {
  TRY_ASSIGN(const auto memory, size_option("--memory", words.memory));
  return job::MergeOptions{memory, words.spill_folder.empty() ? temporary_folder() : words.spill_folder};
}

}  // namespace varve::cli
