#include <fmt/format.h>

#include "cli/command_tree.h"

namespace varve::cli {

namespace {

/// Text for roff: its signs are not ours, and no line may begin with one.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += "\\&";
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

void add_section(std::string& page, std::string_view title) {
  page += fmt::format(".SH {}\n", title);
}

void add_options(std::string& page, std::string_view title, const std::vector<OptionHelp>& options) {
  if (options.empty()) return;
  add_section(page, title);
  for (const auto& option : options) {
    std::string names;
    for (const auto& name : option.names)
      names += (names.empty() ? "" : ", ") + fmt::format("\\fB{}\\fR", escaped(name));
    if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", escaped(option.value));
    if (!option.argument.empty()) names = fmt::format("\\fI{}\\fR", escaped(option.argument));
    page += fmt::format(".TP\n{}\n{}\n", names, escaped(option.what));
  }
}

std::string synopsis(const CommandHelp& command) {
  std::string line = fmt::format("\\fB{}\\fR [\\fIOPTION\\fR]...", escaped(command.path));
  for (const auto& argument : command.arguments) {
    const auto name = fmt::format("\\fI{}\\fR{}", escaped(argument.argument), argument.repeated ? "..." : "");
    line += argument.required ? " " + name : " [" + name + "]";
  }
  if (!command.commands.empty()) line += " \\fICOMMAND\\fR ...";
  return line + "\n";
}

void add_exit_codes(std::string& page) {
  add_section(page, "EXIT STATUS");
  constexpr std::pair<const char*, const char*> kCodes[] = {
      {"0", "complete, consistent and, where something is verified, verified"},
      {"1", "no usable result, or wrong usage, or a check that found damage"},
      {"3", "usable, but something that is named is missing, differs, or was not verified"},
      {"10", "there is no repository"},
      {"11", "the repository is locked by somebody else"},
      {"12", "wrong password"},
      {"130", "interrupted"}};
  for (const auto& [code, meaning] : kCodes) page += fmt::format(".TP\n{}\n{}\n", code, meaning);
}

void add_related(std::string& page, const CommandHelp& command) {
  add_section(page, command.commands.empty() ? "SEE ALSO" : "COMMANDS");
  if (command.commands.empty()) {
    page += ".BR varve (1)\n";
    return;
  }
  for (const auto& below : command.commands) {
    page += fmt::format(".TP\n.BR {} (1)\n{}\n", escaped(man_name(below)), escaped(below.what));
  }
}

}  // namespace

std::string man_name(const CommandHelp& command) {
  std::string name = command.path;
  for (char& c : name) c = c == ' ' ? '-' : c;
  return name;
}

std::string man_page(const CommandHelp& command, const std::vector<OptionHelp>& common, const std::string& version) {
  std::string title = man_name(command);
  for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string page = fmt::format(".TH \"{}\" 1 \"\" \"{}\" \"varve\"\n", escaped(title), escaped(version));
  add_section(page, "NAME");
  page += fmt::format("{} \\- {}\n", escaped(man_name(command)), escaped(command.what));
  add_section(page, "SYNOPSIS");
  page += synopsis(command);
  if (!command.examples.empty()) {
    add_section(page, "EXAMPLES");
    page += fmt::format(".nf\n{}.fi\n", escaped(command.examples));
  }
  add_options(page, "ARGUMENTS", command.arguments);
  add_options(page, "OPTIONS", command.options);
  add_options(page, "COMMON OPTIONS", common);
  add_exit_codes(page);
  add_related(page, command);
  return page;
}

}  // namespace varve::cli
