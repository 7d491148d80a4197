#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/signals.h"
#include "job/lock_keeper.h"

namespace {

using varve::cli::Context;

void add_storage_options(CLI::App& app, varve::cli::StorageWords& words) {
  app.add_option("--retry-for", words.retry_for,
                 "ask a store that fails again for so long (15m; 20s before it has ever answered)")
      ->type_name("DURATION");
  app.add_option("--connections", words.connections,
                 "store so many files at once on a network, and read as many or one for each core (5)")
      ->type_name("N");
  app.add_option("--limit-upload", words.upload_limit, "so many KiB a second at most to a store on a network")
      ->type_name("RATE");
  app.add_option("--limit-download", words.download_limit, "the same from it")->type_name("RATE");
  app.add_option("-o,--option", words.extended,
                 "set what one kind of store has, such as azure.access-tier=Cool or sftp.args='-i FILE'")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("--cacert", words.authorities_file,
                 "trust the authorities in FILE, not the system's (or RESTIC_CACERT)")
      ->type_name("FILE");
  app.add_option("--tls-client-cert", words.certificate_file,
                 "certificate and key of this client, PEM (or RESTIC_TLS_CLIENT_CERT)")
      ->type_name("FILE");
  app.add_option("--cache-dir", words.cache_folder,
                 "keep index, snapshots and trees of a repository on a network in DIR (or RESTIC_CACHE_DIR)")
      ->type_name("DIR");
  app.add_flag("--no-cache", words.no_cache, "keep nothing of it on this machine, and use nothing that is kept");
  app.add_flag("--cleanup-cache", words.clean_cache,
               "remove what is kept of repositories that were not used for 30 days");
  app.add_flag("--insecure-tls", words.any_certificate, "trust any certificate: who is in between can read the login");
}

void add_global_options(CLI::App& app, varve::cli::GlobalOptions& global) {
  app.add_option("-r,--repo", global.repo, "where the repository is (or RESTIC_REPOSITORY)")->type_name("PLACE");
  app.add_option("--repository-file", global.repository_file, "read the repository's place from FILE")
      ->type_name("FILE");
  app.add_option("-p,--password-file", global.password_file, "read its password from FILE (or RESTIC_PASSWORD_FILE)")
      ->type_name("FILE");
  app.add_option("--password-command", global.password_command, "a command that prints its password")
      ->type_name("COMMAND");
  app.add_option("--key-hint", global.key_hint, "the ID of the key to try first (or RESTIC_KEY_HINT)")->type_name("ID");
  app.add_flag("--insecure-no-password", global.no_password, "it has no password: everybody may read it");
  app.add_flag("--json", global.json, "one JSON object a line, the last one the summary");
  app.add_flag("-q,--quiet", global.quiet, "no progress");
  app.add_flag("--no-lock", global.no_lock, "commands that only read take no lock");
  add_storage_options(app, global.storage);
  app.add_option("--retry-lock", global.retry_lock, "wait so long for a lock that others hold, such as 5m")
      ->type_name("DURATION");
}

/// Help that begins with what the command does and an example.
class ExampleFirst final : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    const auto example = app->get_footer();
    return CLI::Formatter::make_description(app) + (example.empty() ? "" : "\n" + example + "\n\n");
  }
  std::string make_footer(const CLI::App*) const override { return ""; }
  /// Without the braces in which CLI11 shows what a flag stands for: what may follow it is in its description.
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    auto name = CLI::Formatter::make_option_name(option, is_positional);
    if (const auto brace = name.find('{'); brace != std::string::npos) name.resize(brace);
    return name;
  }
  /// What excludes and needs what is said when it is done wrong; here it would bury the rest.
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0) return "";
    std::string words = " " + option->get_type_name();
    if (!option->get_default_str().empty()) words += "=" + option->get_default_str();
    if (option->get_positional() && option->get_items_expected_max() > 1) words += "...";
    return words;
  }
};

/// In the order of the help.
constexpr void (*kCommands[])(varve::cli::Command&, Context&) = {
    varve::cli::add_init,   varve::cli::add_backup,   varve::cli::add_restore,   varve::cli::add_verify,
    varve::cli::add_export, varve::cli::add_import,   varve::cli::add_archive,   varve::cli::add_window,
    varve::cli::add_base,   varve::cli::add_history,  varve::cli::add_snapshots, varve::cli::add_show,
    varve::cli::add_ls,     varve::cli::add_find,     varve::cli::add_diff,      varve::cli::add_dump,
    varve::cli::add_stats,  varve::cli::add_check,    varve::cli::add_repair,    varve::cli::add_forget,
    varve::cli::add_prune,  varve::cli::add_copy,     varve::cli::add_tag,       varve::cli::add_rewrite,
    varve::cli::add_key,    varve::cli::add_unlock,   varve::cli::add_cat,       varve::cli::add_doctor,
    varve::cli::add_cache,  varve::cli::add_generate,
};

/// "--host=" becomes "--host" and an empty word, which CLI11 takes for one that misses its value: an empty host is any
/// (restic). Other options have no use for an empty value: one comes of a variable that is not set.
std::vector<std::string> with_empty_hosts(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  bool options = true;
  for (const auto& argument : arguments) {
    options = options && argument != "--";
    const bool empty_host = options && argument == "--host=";
    out.push_back(empty_host ? "--host" : argument);
    if (empty_host) out.emplace_back();
  }
  return out;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, varve::cli::Output& output) {
  if (error.get_exit_code() == 0) {  // --help, --version
    std::ostringstream text;
    app.exit(error, text, text);
    output.raw(text.str());
    return 0;
  }
  const auto left = app.remaining();
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !left.empty()) {
    return output.error(varve::Error(varve::ErrorKind::kInvalidInput, "there is no command '" + left.front() + "'")
                            .hint("`varve --help` lists them"));
  }
  std::string what = error.what();
  if (const auto line = what.find('\n'); line != std::string::npos) what.resize(line);
  return output.error(
      varve::Error(varve::ErrorKind::kInvalidInput, what).hint("`varve COMMAND --help` shows what it takes"));
}

/// One that is closed would be given to the next file that is opened: what is printed would go into the repository.
/// Each is opened the wrong way round, so that using it stays an error.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF) {
      (void)::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
  }
}

/// Blobs and packs of megabytes come and go on every thread. glibc keeps what is given back in as many arenas as there
/// are threads, and by and by larger pieces of it. Two arenas, large pieces given back at once, and small ones kept up
/// to a few megabytes, take two thirds of the memory for a few percent more time.
void bound_heap() {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, varve::kLargeBlock);
  ::mallopt(M_TRIM_THRESHOLD, 8 << 20);
#endif
}

/// The exit code.
int run_command(Context& context) {
  try {
    const auto result = context.run();
    return result ? *result : context.output().error(result.error());
  } catch (const std::exception& exception) {  // locks are released by now
    return context.output().error(varve::exception_error(exception));
  }
}

int run(std::vector<std::string> arguments, bool passwords_hidden) {
  const auto cancel = varve::cli::cancel_on_signals();
  varve::cli::Output output;
  Context context(output, cancel);
  CLI::App app("Backup and recovery for MongoDB, in restic's repository format", "varve");
  app.set_version_flag("--version", varve::cli::program_version());
  app.formatter(std::make_shared<ExampleFirst>());
  app.require_subcommand(1);
  app.fallthrough();
  add_global_options(app, context.global);
  varve::cli::Command program(app);
  for (const auto add : kCommands) add(program, context);
  output.set_json(std::ranges::find(arguments, "--json") != arguments.end());  // for what is wrong with the others
  try {
    arguments = with_empty_hosts(arguments);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return output.finish(usage_error(app, error, output));
  }
  output.set_json(context.global.json);
  output.set_quiet(context.global.quiet);
  if (passwords_hidden) {
    output.warning(
        "a password in an argument can be read by others on this machine for a moment; "
        "@FILE, --uri-file or VARVE_MONGO_PASSWORD_FILE keep it out of sight, and RESTIC_REST_PASSWORD that of a "
        "store");
  }
  return output.finish(run_command(context));
}

}  // namespace

int main(int argc, char** argv) {
  bound_heap();
  open_standard_streams();
  if (argc == 2 && argv[1] == varve::job::kKeeperWord) return varve::job::keep_lock(STDIN_FILENO, STDOUT_FILENO, 3);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool hidden = varve::cli::hide_passwords(argc, argv);
  return run(std::move(arguments), hidden);
}
