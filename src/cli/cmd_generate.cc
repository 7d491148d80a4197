#include <cerrno>
#include <cstdio>

#include <sys/stat.h>

#include "cli/command.h"
#include "cli/command_tree.h"
#include "cli/context.h"

namespace varve::cli {

namespace {

struct GenerateOptions {
  std::string man, bash, zsh, fish;
};

Status write_file(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return fail(system_error("cannot write " + path, errno));
  bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = std::fflush(file) == 0 && good;
  const int error = errno;
  good = std::fclose(file) == 0 && good;
  if (!good) return fail(system_error("cannot write " + path, error));
  return {};
}

/// "-" is standard output.
Status write_completion(Output& output, const std::string& path, const std::string& text) {
  if (path != "-") return write_file(path, text);
  output.raw(text);
  return {};
}

Status write_pages(const CommandHelp& command, const std::vector<OptionHelp>& common, const std::string& folder,
                   size_t& count) {
  TRY(write_file(folder + "/" + man_name(command) + ".1", man_page(command, common, program_version())));
  ++count;
  const auto& below_common = common.empty() ? command.options : common;
  for (const auto& below : command.commands) TRY(write_pages(below, below_common, folder, count));
  return {};
}

Result<int> generate(Context& context, const Command& app, const GenerateOptions& options) {
  const auto program = describe_commands(app);
  if (options.man.empty() && options.bash.empty() && options.zsh.empty() && options.fish.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "nothing to generate was named")
                    .hint("--man FOLDER, --bash-completion FILE, --zsh-completion FILE or --fish-completion FILE"));
  }
  Output& output = context.output();
  size_t pages = 0;
  if (!options.man.empty()) {
    if (::mkdir(options.man.c_str(), 0755) != 0 && errno != EEXIST) {
      return fail(system_error("cannot make " + options.man, errno));
    }
    TRY(write_pages(program, {}, options.man, pages));
    output.note(std::to_string(pages) + " pages written to " + options.man);
  }
  if (!options.bash.empty()) TRY(write_completion(output, options.bash, bash_completion(program)));
  if (!options.zsh.empty()) TRY(write_completion(output, options.zsh, zsh_completion(program)));
  if (!options.fish.empty()) TRY(write_completion(output, options.fish, fish_completion(program)));
  return kOk;
}

}  // namespace

void add_generate(Command& app, Context& context) {
  auto* command = app.add_subcommand("generate", "write man pages and completions for shells");
  command->footer(
      "Examples:\n"
      "  varve generate --man /usr/local/share/man/man1\n"
      "  varve generate --bash-completion /etc/bash_completion.d/varve\n"
      "  varve generate --zsh-completion ~/.zfunc/_varve\n"
      "  varve generate --fish-completion ~/.config/fish/completions/varve.fish");
  auto options = std::make_shared<GenerateOptions>();
  command->add_option("--man", options->man, "write a man page for every command into FOLDER")->type_name("FOLDER");
  command->add_option("--bash-completion", options->bash, "write the completion for bash to FILE; - is standard output")
      ->type_name("FILE");
  command->add_option("--zsh-completion", options->zsh, "the one for zsh")->type_name("FILE");
  command->add_option("--fish-completion", options->fish, "the one for fish")->type_name("FILE");
  command->callback([&app, &context, options] {
    context.run = [&app, &context, options] { return generate(context, app, *options); };
  });
}

}  // namespace varve::cli
