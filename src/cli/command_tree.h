#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace varve::cli {

/// An option or an argument, as the user sees it.
struct OptionHelp {
  std::vector<std::string> names;  ///< "-r", "--repo"; empty for an argument
  std::string argument;            ///< what stands for an argument: "SNAPSHOT"; empty for an option
  std::string value;               ///< "PLACE"; empty for a flag
  std::string what;
  bool required = false, repeated = false;
};

/// A command with what its parser says of it: man pages and completions are made from this, and nowhere written twice.
struct CommandHelp {
  std::string path;  ///< "varve backup files"
  std::string name;  ///< "files"
  std::string what;
  std::string examples;  ///< whole lines, each indented by two blanks
  std::vector<OptionHelp> arguments, options;
  std::vector<CommandHelp> commands;
};

/// The program and all below it. Hidden commands and options are left out.
CommandHelp describe_commands(const Command& program);

/// A page for man(1), in section 1. `common` are the options that every command has; the program's own page gets them
/// from itself.
std::string man_page(const CommandHelp& command, const std::vector<OptionHelp>& common, const std::string& version);
/// "varve-backup-files", as the page's file is named, without the section.
std::string man_name(const CommandHelp& command);

std::string bash_completion(const CommandHelp& program);
std::string zsh_completion(const CommandHelp& program);
std::string fish_completion(const CommandHelp& program);

}  // namespace varve::cli
