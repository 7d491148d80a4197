#include "cli/command_tree.h"

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace varve::cli {

namespace {

/// The example lines of a footer, which begins with a heading of its own.
std::string examples_of(const CLI::App& app) {
  const std::string footer = app.get_footer();
  const auto line_end = footer.find('\n');
  return line_end == std::string::npos ? "" : footer.substr(line_end + 1) + "\n";
}

OptionHelp describe_option(const CLI::Option& option) {
  OptionHelp help;
  for (const auto& name : option.get_snames()) help.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) help.names.push_back("--" + name);
  const bool takes_value = option.get_expected_max() != 0 && option.get_type_size_max() != 0;
  if (help.names.empty()) {
    help.argument = option.get_type_name().empty() ? option.get_name() : option.get_type_name();
  } else if (takes_value) {
    help.value = option.get_type_name().empty() ? "VALUE" : option.get_type_name();
  }
  help.what = option.get_description();
  help.required = option.get_required();
  help.repeated = option.get_items_expected_max() > 1;
  return help;
}

CommandHelp describe(const CLI::App& app, const std::string& above) {
  CommandHelp help;
  help.name = app.get_name();
  help.path = above.empty() ? help.name : above + " " + help.name;
  help.what = app.get_description();
  help.examples = examples_of(app);
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    auto described = describe_option(*option);
    (described.names.empty() ? help.arguments : help.options).push_back(std::move(described));
  }
  for (const auto* command : app.get_subcommands(nullptr)) {
    if (!command->get_group().empty()) help.commands.push_back(describe(*command, help.path));
  }
  return help;
}

}  // namespace

CommandHelp describe_commands(const Command& program) {
  return describe(program.app(), "");
}

}  // namespace varve::cli
