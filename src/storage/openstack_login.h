#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace varve::storage {

/// How one logs in to OpenStack, as its own tools and restic name the parts. What is not said is empty.
struct OpenstackLogin {
  std::string auth_url;
  std::string version;  ///< of the identity service: "1", "2" or "3"
  std::string user, user_id, password;
  std::string user_domain, user_domain_id;
  std::string project, project_id;
  std::string project_domain, project_domain_id;
  std::string trust_id;
  std::string application_id, application_name, application_secret;
  std::string region, interface;
  std::string storage_url, token;  ///< what a login would give, given without one
};

/// What the environment says about it.
struct OpenstackSettings {
  OpenstackLogin variables;
  std::string cloud;  ///< names a part of the files
  /// clouds.yaml and the secure.yaml beside it: of each the first that is there counts.
  std::vector<std::string> cloud_files, secret_files;
  std::string container_policy;  ///< of containers that are made
};

/// A token that is given is renewed by the login beside it, and has no auth_url where that is none or half of one.
///
/// The variables where they name a place to log in or a token, as restic has it; else the cloud. Complete: the version
/// is known, and who logs in with what. kInvalidInput with what is missing.
Result<OpenstackLogin> openstack_login(const OpenstackSettings& settings);

/// What the files say of a cloud, as OpenStack's tools read them. kInvalidInput if they don't, or can't be read.
Result<OpenstackLogin> login_of_cloud(const OpenstackSettings& settings);

}  // namespace varve::storage
