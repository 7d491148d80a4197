#include <fstream>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "storage/openstack_login.h"

namespace varve::storage {

namespace {

struct Entry {
  const char* name;
  std::string OpenstackLogin::*member;
};

/// Below `auth`.
constexpr Entry kAuth[] = {{"auth_url", &OpenstackLogin::auth_url},
                           {"username", &OpenstackLogin::user},
                           {"user_id", &OpenstackLogin::user_id},
                           {"password", &OpenstackLogin::password},
                           {"user_domain_name", &OpenstackLogin::user_domain},
                           {"user_domain_id", &OpenstackLogin::user_domain_id},
                           {"tenant_name", &OpenstackLogin::project},
                           {"project_name", &OpenstackLogin::project},
                           {"tenant_id", &OpenstackLogin::project_id},
                           {"project_id", &OpenstackLogin::project_id},
                           {"project_domain_name", &OpenstackLogin::project_domain},
                           {"project_domain_id", &OpenstackLogin::project_domain_id},
                           {"trust_id", &OpenstackLogin::trust_id},
                           {"application_credential_id", &OpenstackLogin::application_id},
                           {"application_credential_name", &OpenstackLogin::application_name},
                           {"application_credential_secret", &OpenstackLogin::application_secret}};
/// Beside it.
constexpr Entry kCloud[] = {{"region_name", &OpenstackLogin::region},
                            {"interface", &OpenstackLogin::interface},
                            {"identity_api_version", &OpenstackLogin::version}};

/// What is no scalar is passed over: the files hold much that is for others.
template <size_t N>
void take(const YAML::Node& from, const Entry (&entries)[N], OpenstackLogin& login) {
  if (!from.IsMap()) return;
  for (const Entry& entry : entries) {
    const YAML::Node value = from[entry.name];
    if (value && value.IsScalar()) login.*entry.member = value.Scalar();
  }
}

/// Whether the file has such a cloud; what it says of it stands, whatever an earlier file said.
bool take_cloud(const YAML::Node& file, const std::string& name, OpenstackLogin& login) {
  const YAML::Node clouds = file.IsMap() ? file["clouds"] : YAML::Node(YAML::NodeType::Undefined);
  const YAML::Node cloud = clouds && clouds.IsMap() ? clouds[name] : YAML::Node(YAML::NodeType::Undefined);
  if (!cloud || !cloud.IsMap()) return false;
  take(cloud, kCloud, login);
  const YAML::Node auth = cloud["auth"];
  if (auth) take(auth, kAuth, login);
  return true;
}

/// The same of the first of the files that is there; `read`: its name, empty if none is.
Result<bool> take_from_first(const std::vector<std::string>& files, const std::string& name, OpenstackLogin& login,
                             std::string& read) {
  for (const auto& path : files) {
    std::ifstream file(path);
    if (!file) continue;
    read = path;
    try {
      return take_cloud(YAML::Load(file), name, login);
    } catch (const YAML::Exception& exception) {  // which quotes nothing of the file
      return fail(ErrorKind::kInvalidInput, fmt::format("cannot read {}: line {} is not well written YAML ({})", path,
                                                        exception.mark.line + 1, exception.msg));
    }
  }
  return false;
}

}  // namespace

Result<OpenstackLogin> login_of_cloud(const OpenstackSettings& settings) {
  OpenstackLogin login;
  std::string read, secrets;
  TRY_ASSIGN(const bool found, take_from_first(settings.cloud_files, settings.cloud, login, read));
  if (!found) {
    return fail(Error(ErrorKind::kInvalidInput,
                      read.empty()
                          ? fmt::format("there is no clouds.yaml for the cloud \"{}\" of OS_CLOUD", settings.cloud)
                          : fmt::format("there is no cloud \"{}\" in {}", settings.cloud, read))
                    .hint("it is looked for in OS_CLIENT_CONFIG_FILE, the working folder, ~/.config/openstack and "
                          "/etc/openstack"));
  }
  TRY(take_from_first(settings.secret_files, settings.cloud, login, secrets));
  if (!settings.variables.region.empty()) login.region = settings.variables.region;
  return login;
}

}  // namespace varve::storage
