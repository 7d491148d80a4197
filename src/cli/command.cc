#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace varve::cli {

Option* Option::type_name(const std::string& name) {
  option_.type_name(name);
  return this;
}

Option* Option::required() {
  option_.required();
  return this;
}

Option* Option::group(const std::string& heading) {
  option_.group(heading);
  return this;
}

Option* Option::excludes(const Option* other) {
  option_.excludes(&other->option_);
  return this;
}

Option* Option::needs(const Option* other) {
  option_.needs(&other->option_);
  return this;
}

Option* Option::capture_default_str() {
  option_.capture_default_str();
  return this;
}

size_t Option::count() const {
  return option_.count();
}

std::string Option::get_name() const {
  return option_.get_name();
}

Option* Command::keep(CLI::Option* option) {
  return &options_.emplace_back(*option);
}

Command* Command::add_subcommand(const std::string& name, const std::string& what) {
  return &commands_.emplace_back(*app_.add_subcommand(name, what), this);
}

template <typename T>
Option* Command::add_option(const std::string& names, T& value, const std::string& what) {
  CLI::Option* option = app_.add_option(names, value, what);
  if (std::is_same_v<T, std::vector<std::string>> && names.starts_with('-')) option->allow_extra_args(false);
  return keep(option);
}

template Option* Command::add_option(const std::string&, std::string&, const std::string&);
template Option* Command::add_option(const std::string&, std::vector<std::string>&, const std::string&);
template Option* Command::add_option(const std::string&, unsigned&, const std::string&);
template Option* Command::add_option(const std::string&, uint64_t&, const std::string&);

Option* Command::add_flag(const std::string& names, bool& value, const std::string& what) {
  return keep(app_.add_flag(names, value, what));
}

Option* Command::add_flag(const std::string& names, int& count, const std::string& what) {
  return keep(app_.add_flag(names, count, what));
}

Option* Command::add_choice(const std::string& names, std::string& value, const std::vector<std::string>& choices,
                            const std::string& what) {
  auto* option = add_optional(names, value, choices.front(), what);
  option->option_.check(CLI::IsMember(choices).description(""));
  return option;
}

Option* Command::add_optional(const std::string& names, std::string& value, const std::string& alone,
                              const std::string& what) {
  return keep(app_.add_flag(names + "{" + alone + "}", value, what));
}

Option* Command::get_option(const std::string& name) {
  const CLI::Option* wanted = app_.get_option(name);
  const auto found = std::ranges::find(options_, wanted, [](const Option& option) { return &option.option_; });
  return found == options_.end() ? nullptr : &*found;
}

void Command::footer(const std::string& examples) {
  app_.footer(examples);
}

void Command::group(const std::string& heading) {
  app_.group(heading);
}

void Command::callback(std::function<void()> chosen) {
  app_.callback(std::move(chosen));
}

void Command::require_subcommand(size_t least, size_t most) {
  app_.require_subcommand(least, most);
}

void Command::fallthrough() {
  app_.fallthrough();
}

void Command::prefix_command() {
  app_.prefix_command();
}

std::string Command::get_name() const {
  return app_.get_name();
}

std::vector<std::string> Command::remaining() const {
  return app_.remaining();
}

bool Command::subcommand_given() const {
  return !app_.get_subcommands().empty();
}

std::vector<const Option*> Command::given_options() const {
  std::vector<const Option*> given;
  for (const auto& option : options_) {
    if (option.count() != 0) given.push_back(&option);
  }
  return given;
}

}  // namespace varve::cli
