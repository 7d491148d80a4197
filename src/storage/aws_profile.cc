#include "storage/aws_profile.h"

#include <algorithm>
#include <fstream>

namespace varve::storage {

namespace {

using Section = std::map<std::string, std::string>;

constexpr const char* kKeySettings[] = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"};

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

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

}  // namespace

std::optional<AwsProfile> AwsProfile::read(const std::string& credentials_file, const std::string& config_file,
                                           const std::string& name) {
  auto found = read_section(credentials_file, name);
  auto config = read_section(config_file, name == "default" ? name : "profile " + name);
  if (!found && !config) return std::nullopt;
  if (!found) return AwsProfile(*std::move(config));
  if (config) {
    const bool has_keys = std::ranges::any_of(kKeySettings, [&](const char* key) { return found->contains(key); });
    if (has_keys) std::ranges::for_each(kKeySettings, [&](const char* key) { config->erase(key); });
    found->merge(*config);
  }
  return AwsProfile(*std::move(found));
}

std::string AwsProfile::get(const char* setting) const {
  const auto found = settings_.find(setting);
  return found == settings_.end() ? "" : found->second;
}

net::AwsKeys AwsProfile::keys() const {
  return {get(kKeySettings[0]), get(kKeySettings[1]), get(kKeySettings[2])};
}

}  // namespace varve::storage
