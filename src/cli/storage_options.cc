#include "cli/storage_options.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

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

/// What `read` makes of variables. The parts of a login belong together: where the other repository has any of those
/// that are read for itself, it has none of those in `common`.
template <typename Settings>
Settings login_settings(const std::string& prefix, Settings (*read)(const Variables& of), const Variables& common) {
  if (prefix.empty()) return read(common);
  bool has_own = false;
  const auto own = read([&](const std::string& name) {
    const auto value = our_variable(prefix + name);
    has_own = has_own || !value.empty();
    return value;
  });
  return has_own ? own : read(common);
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const auto& value : values) {
    if (!value.empty()) return value;
  }
  return "";
}

std::pair<std::string, std::string> rest_login(const Variables& of) {
  return {of("REST_USERNAME"), of("REST_PASSWORD")};
}

/// Of any case, as Amazon's tools take it.
bool is_word(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, {}, [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
}

/// A file may be named for one login, or for all.
std::string file_of(const Variables& of, const std::string& name) {
  return first_of({of(name), environment(name)});
}

storage::AwsSettings aws_settings(const Variables& of) {
  const std::string home = environment("HOME");
  return {.keys = {.access_key = first_of({of("AWS_ACCESS_KEY_ID"), of("AWS_ACCESS_KEY")}),
                   .secret_key = first_of({of("AWS_SECRET_ACCESS_KEY"), of("AWS_SECRET_KEY")}),
                   .session_token = of("AWS_SESSION_TOKEN")},
          .region = first_of({of("AWS_REGION"), of("AWS_DEFAULT_REGION")}),
          .profile = of("AWS_PROFILE"),
          .credentials_file = first_of({file_of(of, "AWS_SHARED_CREDENTIALS_FILE"), home + "/.aws/credentials"}),
          .config_file = first_of({file_of(of, "AWS_CONFIG_FILE"), home + "/.aws/config"}),
          .web_identity_token_file = of("AWS_WEB_IDENTITY_TOKEN_FILE"),
          .role_arn = of("AWS_ROLE_ARN"),
          .role_session_name = of("AWS_ROLE_SESSION_NAME"),
          .sts_endpoint = environment("AWS_ENDPOINT_URL_STS"),
          .container_relative_uri = of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
          .container_full_uri = of("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
          .container_token = of("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
          .container_token_file = of("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
          .metadata_endpoint = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
          .metadata_over_ipv6 = is_word(environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), "ipv6"),
          .metadata_disabled = is_word(environment("AWS_EC2_METADATA_DISABLED"), "true")};
}

/// Where OpenStack's tools look for a file of theirs; the first that is there counts.
std::vector<std::string> openstack_files(const std::string& named, const std::string& name) {
  const auto config = first_of({environment("XDG_CONFIG_HOME"), environment("HOME") + "/.config"});
  std::vector<std::string> files = {name, config + "/openstack/" + name, "/etc/openstack/" + name};
  if (!named.empty()) files.insert(files.begin(), named);
  return files;
}

storage::OpenstackSettings openstack_settings(const Variables& of) {
  return {.variables = {.auth_url = first_of({of("OS_AUTH_URL"), of("ST_AUTH")}),
                        .version = first_of({of("OS_IDENTITY_API_VERSION"), of("ST_AUTH_VERSION"),
                                             of("OS_AUTH_URL").empty() && !of("ST_AUTH").empty() ? "1" : ""}),
                        .user = first_of({of("OS_USERNAME"), of("ST_USER")}),
                        .user_id = of("OS_USER_ID"),
                        .password = first_of({of("OS_PASSWORD"), of("ST_KEY")}),
                        .user_domain = of("OS_USER_DOMAIN_NAME"),
                        .user_domain_id = of("OS_USER_DOMAIN_ID"),
                        .project = first_of({of("OS_PROJECT_NAME"), of("OS_TENANT_NAME")}),
                        .project_id = first_of({of("OS_PROJECT_ID"), of("OS_TENANT_ID")}),
                        .project_domain = of("OS_PROJECT_DOMAIN_NAME"),
                        .project_domain_id = of("OS_PROJECT_DOMAIN_ID"),
                        .trust_id = of("OS_TRUST_ID"),
                        .application_id = of("OS_APPLICATION_CREDENTIAL_ID"),
                        .application_name = of("OS_APPLICATION_CREDENTIAL_NAME"),
                        .application_secret = of("OS_APPLICATION_CREDENTIAL_SECRET"),
                        .region = of("OS_REGION_NAME"),
                        .interface = first_of({of("OS_INTERFACE"), of("OS_ENDPOINT_TYPE")}),
                        .storage_url = of("OS_STORAGE_URL"),
                        .token = of("OS_AUTH_TOKEN")},
          .cloud = of("OS_CLOUD"),
          .cloud_files = openstack_files(file_of(of, "OS_CLIENT_CONFIG_FILE"), "clouds.yaml"),
          .secret_files = openstack_files(file_of(of, "OS_CLIENT_SECURE_FILE"), "secure.yaml"),
          .container_policy = environment("SWIFT_DEFAULT_CONTAINER_POLICY")};
}

storage::AzureSettings azure_settings(const Variables& of) {
  return {.account = of("AZURE_ACCOUNT_NAME"),
          .key = of("AZURE_ACCOUNT_KEY"),
          .sas = of("AZURE_ACCOUNT_SAS"),
          .endpoint_suffix = of("AZURE_ENDPOINT_SUFFIX"),
          .connection_string = of("AZURE_STORAGE_CONNECTION_STRING")};
}

storage::GoogleSettings google_settings(const Variables& of) {
  const auto config = first_of({environment("CLOUDSDK_CONFIG"), environment("HOME") + "/.config/gcloud"});
  return {.access_token = of("GOOGLE_ACCESS_TOKEN"),
          .credentials_file = of("GOOGLE_APPLICATION_CREDENTIALS"),
          .well_known_file = config + "/application_default_credentials.json",
          .emulator = environment("STORAGE_EMULATOR_HOST"),
          .metadata_host = environment("GCE_METADATA_HOST"),
          .project = environment("GOOGLE_PROJECT_ID")};
}

Result<std::map<std::string, std::string>> extended_options(const std::vector<std::string>& words) {
  std::map<std::string, std::string> options;
  for (const auto& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Error(ErrorKind::kInvalidInput, fmt::format("-o takes KEY=VALUE, not \"{}\"", word))
                      .hint("such as -o azure.access-tier=Cool"));
    }
    options[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return options;
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

}  // namespace

Result<storage::OpenOptions> storage_options(const StorageWords& words, const std::string& prefix, Output& output) {
  storage::OpenOptions options;
  TRY_ASSIGN(options.http, http_options(words));
  options.connections = words.connections;
  std::tie(options.rest_user, options.rest_password) = login_settings(prefix, rest_login, our_variable);
  options.aws = login_settings(prefix, aws_settings, environment);
  options.openstack = login_settings(prefix, openstack_settings, environment);
  options.azure = login_settings(prefix, azure_settings, environment);
  options.google = login_settings(prefix, google_settings, environment);
  TRY_ASSIGN(options.extended, extended_options(words.extended));
  options.retry.notice = retry_notice(output);
  if (!words.retry_for.empty()) {
    TRY_ASSIGN(options.retry.budget, duration_option("--retry-for", words.retry_for));
    options.retry.first_budget = options.retry.budget;  // who names it means it
  }
  return options;
}

}  // namespace varve::cli
