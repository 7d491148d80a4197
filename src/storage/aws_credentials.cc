#include "storage/aws_credentials.h"

#include <fstream>
#include <map>

#include <fmt/format.h>

namespace varve::storage {

namespace {

using Section = std::map<std::string, std::string>;

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

/// One section of a file of Amazon's tools; nothing if it is not there.
std::optional<Section> read_section(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::optional<Section> found;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    const bool nested = line.starts_with(' ') || line.starts_with('\t');
    const std::string text = trimmed(line);
    if (text.starts_with('[') && text.ends_with(']')) {
      inside = trimmed(text.substr(1, text.size() - 2)) == name;
      if (inside && !found) found.emplace();
    } else if (const size_t equals = text.find('=');
               inside && !nested && equals != std::string::npos && !text.starts_with('#') && !text.starts_with(';')) {
      (*found)[trimmed(text.substr(0, equals))] = trimmed(text.substr(equals + 1));
    }
  }
  return found;
}

net::AwsKeys keys_in(Section& section) {
  return {section["aws_access_key_id"], section["aws_secret_access_key"], section["aws_session_token"]};
}

Status check_pair(const net::AwsKeys& keys, const std::string& where) {
  if (keys.access_key.empty() == keys.secret_key.empty()) return {};
  return fail(ErrorKind::kInvalidInput, fmt::format("{} has half of a login: {} is missing", where,
                                                    keys.access_key.empty() ? "the access key" : "the secret key"));
}

}  // namespace

Result<AwsLogin> aws_login(const AwsSettings& settings) {
  const std::string profile = settings.profile.empty() ? "default" : settings.profile;
  auto secrets = read_section(settings.credentials_file, profile);
  auto config = read_section(settings.config_file, profile == "default" ? profile : "profile " + profile);
  AwsLogin login{settings.keys, settings.region};
  if (login.region.empty() && config) login.region = (*config)["region"];
  TRY(check_pair(login.keys, "the environment"));
  if (!login.keys.access_key.empty()) return login;
  if (!settings.profile.empty() && !secrets && !config) {
    return fail(ErrorKind::kInvalidInput, fmt::format("there is no profile \"{}\" in {} and {}", profile,
                                                      settings.credentials_file, settings.config_file));
  }
  for (auto* section : {&secrets, &config}) {
    if (!login.keys.access_key.empty() || !*section) continue;
    login.keys = keys_in(**section);
    TRY(check_pair(login.keys, fmt::format("profile \"{}\"", profile)));
  }
  if (!login.keys.access_key.empty()) return login;
  return fail(Error(ErrorKind::kInvalidInput, "there is no login for S3")
                  .hint("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials "
                        "(AWS_PROFILE names one), hold it"));
}

}  // namespace varve::storage
