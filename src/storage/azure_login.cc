#include "storage/azure_login.h"

#include <map>

#include <fmt/format.h>

#include "codec/base64.h"

namespace varve::storage {

namespace {

constexpr const char* kSuffix = "core.windows.net";
constexpr const char* kStringName = "AZURE_STORAGE_CONNECTION_STRING";

Error unusable(const std::string& what) {
  return Error(ErrorKind::kInvalidInput, what);
}

/// It goes into the name of a host.
Status check_account(const std::string& account, const char* where) {
  const auto other = account.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-");
  if (!account.empty() && other == std::string::npos) return {};
  return fail(
      unusable(fmt::format("{} holds no name of an account: those are of lower-case letters and digits", where)));
}

Result<Bytes> decoded_key(const std::string& text, const char* where) {
  auto key = codec::from_base64(text);
  if (key && !key->empty()) return *std::move(key);
  return fail(unusable(fmt::format("the key in {} is not whole: it is base64, and ends in ==", where))
                  .hint("copy it again from the account's page \"Access keys\""));
}

Result<std::string> signature_query(std::string_view text, const char* where) {
  if (text.starts_with('?')) text.remove_prefix(1);
  const bool signs = text.starts_with("sig=") || text.find("&sig=") != std::string_view::npos;
  if (signs && text.find_first_of(" \t\r\n#") == std::string_view::npos) return std::string(text);
  return fail(
      unusable(fmt::format("the shared access signature in {} is not whole: it is a query with sig= in it", where)));
}

std::string endpoint_of(const std::string& scheme, const std::string& account, const std::string& suffix) {
  return fmt::format("{}://{}.blob.{}", scheme, account, suffix.empty() ? kSuffix : suffix);
}

Result<AzureLogin> login_of_variables(const AzureSettings& settings) {
  TRY(check_account(settings.account, "AZURE_ACCOUNT_NAME"));
  AzureLogin login{endpoint_of("https", settings.account, settings.endpoint_suffix), {settings.account, {}}, ""};
  if (!settings.key.empty()) {
    TRY_ASSIGN(login.key.secret, decoded_key(settings.key, "AZURE_ACCOUNT_KEY"));
  } else {
    TRY_ASSIGN(login.sas, signature_query(settings.sas, "AZURE_ACCOUNT_SAS"));
  }
  return login;
}

/// "Name=value;Name=value", whose values may have more equals signs in them.
std::map<std::string, std::string> fields_of(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    const auto field = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
    const size_t equals = field.find('=');
    if (equals != std::string_view::npos) fields.emplace(field.substr(0, equals), field.substr(equals + 1));
  }
  return fields;
}

Result<std::string> endpoint_in(std::map<std::string, std::string>& fields) {
  std::string endpoint = fields["BlobEndpoint"];
  if (endpoint.empty()) {
    TRY(check_account(fields["AccountName"], kStringName));
    const bool plain = fields["DefaultEndpointsProtocol"] == "http";
    return endpoint_of(plain ? "http" : "https", fields["AccountName"], fields["EndpointSuffix"]);
  }
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const bool web = endpoint.starts_with("https://") || endpoint.starts_with("http://");
  if (web && !net::authority_of(endpoint).empty() && endpoint.find_first_of("?#@ ") == std::string::npos)
    return endpoint;
  return fail(unusable(fmt::format("BlobEndpoint in {} is no URL of a server", kStringName)));
}

Result<AzureLogin> login_of_string(std::map<std::string, std::string>& fields) {
  AzureLogin login;
  TRY_ASSIGN(login.endpoint, endpoint_in(fields));
  if (!fields["AccountKey"].empty()) {
    TRY(check_account(fields["AccountName"], kStringName));
    login.key.account = fields["AccountName"];
    TRY_ASSIGN(login.key.secret, decoded_key(fields["AccountKey"], kStringName));
    return login;
  }
  if (fields["SharedAccessSignature"].empty()) {
    return fail(unusable(fmt::format("{} holds neither AccountKey nor SharedAccessSignature", kStringName)));
  }
  TRY_ASSIGN(login.sas, signature_query(fields["SharedAccessSignature"], kStringName));
  return login;
}

}  // namespace

Result<AzureLogin> azure_login(const AzureSettings& settings) {
  const bool secret = !settings.key.empty() || !settings.sas.empty();
  if (!settings.account.empty() && secret) return login_of_variables(settings);
  const bool none = settings.account.empty() && !secret;
  auto fields = fields_of(settings.connection_string);
  const bool other = !none && (secret || settings.account != fields["AccountName"]);
  if (!settings.connection_string.empty() && !other) return login_of_string(fields);
  auto error =
      none ? unusable("there is no login for Azure")
           : unusable(fmt::format(
                 "there is half of a login for Azure: {}{}",
                 secret ? "AZURE_ACCOUNT_NAME is missing" : "AZURE_ACCOUNT_KEY and AZURE_ACCOUNT_SAS are missing",
                 settings.connection_string.empty() ? ""
                                                    : fmt::format(", and {} may be of another account", kStringName)));
  return fail(std::move(error).hint(
      "AZURE_ACCOUNT_NAME with AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS, or AZURE_STORAGE_CONNECTION_STRING, hold it"));
}

}  // namespace varve::storage
