#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "storage/storage.h"

namespace varve::cli {

namespace {

struct InitOptions {
  SourceOptions source;
  bool copy_chunker_params = false;
};

Result<codec::Polynomial> polynomial_of(Context& context, const InitOptions& options) {
  TRY_ASSIGN(const auto place, source_place(options.source));
  TRY_ASSIGN(const auto other, context.open(place, Access::kNoLock, context.cancel()));
  return other->config().polynomial;
}

Result<int> init(Context& context, const InitOptions& options) {
  TRY_ASSIGN(const auto location, context.repository_location());
  TRY_ASSIGN(const auto shared, context.storage_at(location));
  const bool names_another = !options.source.repo.empty() || !options.source.repository_file.empty();
  if (names_another && !options.copy_chunker_params) {
    return fail(ErrorKind::kInvalidInput, "--from-repo and --copy-chunker-params go together");
  }
  std::optional<codec::Polynomial> polynomial;
  if (options.copy_chunker_params) {
    TRY_ASSIGN(polynomial, polynomial_of(context, options));
  }
  TRY_ASSIGN(const auto password, context.new_password("password for the new repository"));
  TRY_ASSIGN(const auto repository, repo::Repository::init(shared, password, polynomial, {}, context.cancel()));
  const auto id = repository->config().id;
  context.output().line(fmt::format("repository {} created at {} (format 2)", id.short_hex(), shared->location()));
  context.output().line(password.empty()
                            ? "It has no password: whoever sees it can read what is backed up."
                            : "Keep the password safe: without it nobody can read what is backed up, not even you.");
  context.output().object({{"message_type", "initialized"}, {"id", id.hex()}, {"repository", shared->location()}});
  return kOk;
}

}  // namespace

void add_init(Command& app, Context& context) {
  auto* command = app.add_subcommand("init", "make a new repository");
  command->footer("Example:\n  varve init -r /srv/backup -p ~/.varve-password");
  auto options = std::make_shared<InitOptions>();
  add_source_options(*command, options->source);
  command->add_flag("--copy-chunker-params", options->copy_chunker_params,
                    "cut as the other repository does, so that copies deduplicate");
  command->callback([&context, options] { context.run = [&context, options] { return init(context, *options); }; });
}

}  // namespace varve::cli
