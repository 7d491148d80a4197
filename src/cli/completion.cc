#include <functional>

#include <fmt/format.h>

#include "cli/command_tree.h"

namespace varve::cli {

namespace {

using Visit = std::function<void(const CommandHelp&)>;

void for_each_command(const CommandHelp& command, const Visit& visit) {
  visit(command);
  for (const auto& below : command.commands) for_each_command(below, visit);
}

/// "backup files": the path without the program's name.
std::string words_of(const CommandHelp& command) {
  const auto blank = command.path.find(' ');
  return blank == std::string::npos ? "" : command.path.substr(blank + 1);
}

/// What a command takes, with the program's own options, which may stand anywhere.
std::vector<OptionHelp> options_of(const CommandHelp& program, const CommandHelp& command) {
  auto options = command.options;
  if (&command != &program) options.insert(options.end(), program.options.begin(), program.options.end());
  return options;
}

std::string replaced(std::string_view text, std::string_view characters, std::string_view before) {
  std::string out;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) out += before;
    out += c;
  }
  return out;
}

/// For a shell's single quotes.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string function_name(const CommandHelp& command) {
  std::string name = "_" + command.path;
  for (char& c : name) c = c == ' ' || c == '-' ? '_' : c;
  return name;
}

std::string joined_names(const std::vector<OptionHelp>& options, bool with_value_only) {
  std::string names;
  for (const auto& option : options) {
    if (with_value_only && option.value.empty()) continue;
    for (const auto& name : option.names) names += (names.empty() ? "" : " ") + name;
  }
  return names;
}

std::string joined_commands(const CommandHelp& command) {
  std::string names;
  for (const auto& below : command.commands) names += (names.empty() ? "" : " ") + below.name;
  return names;
}

/// The cases of a shell's `case "$command/$word"` that go one command deeper.
std::string descent(const CommandHelp& program, std::string_view format) {
  std::string cases;
  for_each_command(program, [&](const CommandHelp& command) {
    for (const auto& below : command.commands) {
      cases += fmt::format(fmt::runtime(format), quoted(words_of(command) + "/" + below.name), quoted(words_of(below)));
    }
  });
  return cases;
}

}  // namespace

std::string bash_completion(const CommandHelp& program) {
  std::string out =
      "# bash completion for varve; made by `varve generate --bash-completion`\n"
      "_varve() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= i commands options values\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$command/${COMP_WORDS[i]}\" in\n";
  out += descent(program, "      {}) command={} ;;\n");
  out += "    esac\n  done\n  case $command in\n";
  for_each_command(program, [&](const CommandHelp& command) {
    const auto options = options_of(program, command);
    out += fmt::format("    {})\n      commands={}\n      options={}\n      values={} ;;\n", quoted(words_of(command)),
                       quoted(joined_commands(command)), quoted(joined_names(options, false)),
                       quoted(joined_names(options, true)));
  });
  out +=
      "  esac\n"
      "  COMPREPLY=()\n"
      "  [[ \" $values \" == *\" $prev \"* ]] && return  # its value: the shell offers files\n"
      "  if [[ $cur == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
      "  elif [[ -n $commands ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\"))\n"
      "  fi\n"
      "}\n"
      "complete -o default -F _varve varve\n";
  return out;
}

namespace {

/// One word of zsh's _arguments.
std::string zsh_option(const OptionHelp& option, const std::string& name) {
  std::string word = (option.repeated ? "*" : "") + name;
  word += "[" + replaced(option.what, "[]\\:", "\\") + "]";
  if (!option.value.empty()) word += ":" + option.value + ":_files";
  return "    " + quoted(word) + " \\\n";
}

std::string zsh_function(const CommandHelp& program, const CommandHelp& command) {
  std::string out = function_name(command) + "() {\n";
  if (!command.commands.empty()) {
    out += "  local curcontext=$curcontext state line\n  local -a commands=(\n";
    for (const auto& below : command.commands) {
      out += "    " + quoted(replaced(below.name, ":", "\\") + ":" + below.what) + "\n";
    }
    out += "  )\n";
  }
  out += "  _arguments -s -S : \\\n";
  for (const auto& option : options_of(program, command)) {
    for (const auto& name : option.names) out += zsh_option(option, name);
  }
  if (command.commands.empty()) return out + "    '*:argument:_files'\n}\n\n";
  out += "    '1: :->command' '*:: :->rest'\n  case $state in\n    command) _describe command commands ;;\n    rest)\n";
  out += "      case $words[1] in\n";
  for (const auto& below : command.commands) {
    out += fmt::format("        {}) {} ;;\n", below.name, function_name(below));
  }
  return out + "        *) _files ;;\n      esac ;;\n  esac\n}\n\n";
}

}  // namespace

std::string zsh_completion(const CommandHelp& program) {
  std::string out = "#compdef varve\n# zsh completion for varve; made by `varve generate --zsh-completion`\n\n";
  for_each_command(program, [&](const CommandHelp& command) { out += zsh_function(program, command); });
  return out + "if [[ $funcstack[1] == _varve ]]; then _varve \"$@\"; else compdef _varve varve; fi\n";
}

namespace {

std::string fish_option(const OptionHelp& option, const std::string& condition) {
  std::string line = "complete -c varve" + condition;
  for (const auto& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (!option.value.empty()) line += " -r";
  return line + " -d " + quoted(option.what) + "\n";
}

}  // namespace

std::string fish_completion(const CommandHelp& program) {
  std::string out =
      "# fish completion for varve; made by `varve generate --fish-completion`\n"
      "function __varve_at --description 'is this the command that is being typed'\n"
      "  set -l command ''\n"
      "  for word in (commandline -opc)[2..]\n"
      "    switch \"$command/$word\"\n";
  out += descent(program, "      case {}\n        set command {}\n");
  out += "    end\n  end\n  test \"$command\" = \"$argv[1]\"\nend\n";
  for (const auto& option : program.options) out += fish_option(option, "");
  for_each_command(program, [&](const CommandHelp& command) {
    const std::string condition = " -n " + quoted("__varve_at " + quoted(words_of(command)));
    for (const auto& below : command.commands) {
      out += "complete -c varve" + condition + " -f -a " + below.name + " -d " + quoted(below.what) + "\n";
    }
    if (&command == &program) return;
    for (const auto& option : command.options) out += fish_option(option, condition);
  });
  return out;
}

}  // namespace varve::cli
