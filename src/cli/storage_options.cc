#include "cli/storage_options.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "base/clock.h"
#include "cli/context.h"
#include "cli/duration_option.h"
#include "cli/output.h"
#include "cli/secrets.h"
#include "cli/text_file.h"
#include "storage/open.h"

namespace varve::cli {

namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kBetweenNotices = std::chrono::seconds(10);

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

std::string our_variable(const std::string& name) {
  return variable(name).value_or("");
}

using Variables = std::function<std::string(const std::string&)>;

/// Where the parts of a login are, which belong together: where the other repository has one of them for itself, it has
/// none of those in `common`.
Variables login_variables(const std::string& prefix, std::initializer_list<const char*> parts, Variables common) {
  const Variables own = [prefix](const std::string& name) { return our_variable(prefix + name); };
  const bool has_own =
      !prefix.empty() && std::ranges::any_of(parts, [&](const char* name) { return !own(name).empty(); });
  return has_own ? own : common;
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const auto& value : values) {
    if (!value.empty()) return value;
  }
  return "";
}

storage::AwsSettings aws_settings(const std::string& prefix) {
  const auto of = login_variables(prefix, {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"}, environment);
  const std::string home = environment("HOME");
  return {.keys = {.access_key = first_of({of("AWS_ACCESS_KEY_ID"), of("AWS_ACCESS_KEY")}),
                   .secret_key = first_of({of("AWS_SECRET_ACCESS_KEY"), of("AWS_SECRET_KEY")}),
                   .session_token = of("AWS_SESSION_TOKEN")},
          .region = first_of({of("AWS_REGION"), of("AWS_DEFAULT_REGION")}),
          .profile = of("AWS_PROFILE"),
          .credentials_file = first_of({environment("AWS_SHARED_CREDENTIALS_FILE"), home + "/.aws/credentials"}),
          .config_file = first_of({environment("AWS_CONFIG_FILE"), home + "/.aws/config"})};
}

/// The contents of files whose names are parted by commas.
Result<std::string> joined_files(std::string_view names) {
  std::string out;
  while (!names.empty()) {
    const auto name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    TRY_ASSIGN(const auto text, file_content(std::string(name)));
    out += text + '\n';
  }
  return out;
}

/// Says what is waited for; several calls fail at once where a server is gone.
std::function<void(const Error&, nanoseconds)> retry_notice(Output& output) {
  auto last = std::make_shared<std::atomic<int64_t>>(0);
  return [last, &output](const Error& error, nanoseconds) {
    const int64_t now = system_clock().ticks().count();
    int64_t before = *last;
    if (before != 0 && now - before < kBetweenNotices.count()) return;
    if (last->compare_exchange_strong(before, now)) output.note(error.message() + "; trying again");
  };
}

Result<net::ClientOptions> http_options(const StorageWords& words) {
  net::ClientOptions http;
  http.any_certificate = words.any_certificate;
  http.upload_limit = uint64_t{words.upload_limit} << 10;
  http.download_limit = uint64_t{words.download_limit} << 10;
  http.user_agent = program_version();
  http.user_agent[http.user_agent.find(' ')] = '/';
  TRY_ASSIGN(http.authorities_pem, joined_files(first_of({words.authorities_file, variable("CACERT").value_or("")})));
  TRY_ASSIGN(http.certificate_pem,
             joined_files(first_of({words.certificate_file, variable("TLS_CLIENT_CERT").value_or("")})));
  return http;
}

/// One of restic's extended options.
Status set_extended(std::string_view text, storage::OpenOptions& options) {
  const size_t equals = std::min(text.find('='), text.size());
  const auto key = text.substr(0, equals);
  const std::pair<std::string_view, std::string&> known[] = {{"sftp.command", options.sftp.command},
                                                             {"sftp.args", options.sftp.args},
                                                             {"rclone.program", options.rclone.program},
                                                             {"rclone.args", options.rclone.args}};
  for (const auto& [name, value] : known) {
    if (name != key) continue;
    value = text.substr(std::min(equals + 1, text.size()));
    return {};
  }
  return fail(Error(ErrorKind::kInvalidInput, fmt::format("-o knows no \"{}\"", key))
                  .hint("it knows sftp.command, sftp.args, rclone.program and rclone.args, as KEY=VALUE"));
}

}  // namespace

Result<storage::OpenOptions> storage_options(const StorageWords& words, const std::string& prefix, Output& output) {
  storage::OpenOptions options;
  TRY_ASSIGN(options.http, http_options(words));
  options.connections = words.connections;
  const auto rest = login_variables(prefix, {"REST_USERNAME", "REST_PASSWORD"}, our_variable);
  options.rest_user = rest("REST_USERNAME");
  options.rest_password = rest("REST_PASSWORD");
  options.aws = aws_settings(prefix);
  for (const auto& text : words.extended) TRY(set_extended(text, options));
  options.retry.notice = retry_notice(output);
  if (!words.retry_for.empty()) {
    TRY_ASSIGN(options.retry.budget, duration_option("--retry-for", words.retry_for));
    options.retry.first_budget = options.retry.budget;  // who names it means it
  }
  return options;
}

}  // namespace varve::cli
