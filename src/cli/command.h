#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace varve::cli {

/// What a command takes: an option, a flag or an argument. The calls mean what CLI11's of the same names do.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(option) {}

  Option* type_name(const std::string& name);
  Option* required();
  /// Under which heading of the help it stands; hidden if empty.
  Option* group(const std::string& heading);
  Option* excludes(const Option* other);
  Option* needs(const Option* other);
  /// The help shows the value that it has by default.
  Option* capture_default_str();

  /// How often it was given.
  size_t count() const;
  std::string get_name() const;

 private:
  friend class Command;
  CLI::Option& option_;
};

/// A command while it is put together. It is CLI11 behind a door that is thin to include: CLI11 takes ten seconds to
/// compile, and every command is a file. Commands and options live as long as the program's; the variables that options
/// fill must live until the command was run.
class Command {
 public:
  explicit Command(CLI::App& app, const Command* parent = nullptr) : app_(app), parent_(parent) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  Command* add_subcommand(const std::string& name, const std::string& what);
  /// `names`: "-n,--name", or a name without dashes for an argument. A vector takes one value at each mention, and as
  /// an argument all that are left. T: std::string, a vector of them, unsigned, uint64_t.
  template <typename T>
  Option* add_option(const std::string& names, T& value, const std::string& what);
  Option* add_flag(const std::string& names, bool& value, const std::string& what);
  /// Counts how often it is given.
  Option* add_flag(const std::string& names, int& count, const std::string& what);
  /// A flag that may be followed by "=" and a word, which goes to `value`: one of `choices`, by its `names` alone the
  /// first of them.
  Option* add_choice(const std::string& names, std::string& value, const std::vector<std::string>& choices,
                     const std::string& what);
  /// The same for any word; by its `names` alone it is `alone`.
  Option* add_optional(const std::string& names, std::string& value, const std::string& alone, const std::string& what);
  Option* get_option(const std::string& name);

  /// The examples, under a heading.
  void footer(const std::string& examples);
  void group(const std::string& heading);
  void callback(std::function<void()> chosen);
  void require_subcommand(size_t least, size_t most);
  /// Exactly so many.
  void require_subcommand(size_t number) { require_subcommand(number, number); }
  /// Options of the command above may follow this one's.
  void fallthrough();
  /// The first word that is no option of this command, and all after it, are left alone: see remaining().
  void prefix_command();

  std::string get_name() const;
  std::vector<std::string> remaining() const;
  /// Whether one of its subcommands was given.
  bool subcommand_given() const;
  /// Those that the user gave to this command itself.
  std::vector<const Option*> given_options() const;
  /// The command that this one stands below.
  const Command* get_parent() const { return parent_; }

  CLI::App& app() const { return app_; }

 private:
  Option* keep(CLI::Option* option);

  CLI::App& app_;
  const Command* parent_;
  std::deque<Option> options_;
  std::deque<Command> commands_;
};

}  // namespace varve::cli
