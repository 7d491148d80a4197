#pragma once

#include <map>
#include <memory>
#include <string>

#include "net/http.h"
#include "storage/aws_credentials.h"
#include "storage/azure_login.h"
#include "storage/google_login.h"
#include "storage/openstack_login.h"
#include "storage/retry.h"
#include "storage/storage.h"

namespace varve::storage {

/// What a place's name does not say.
struct OpenOptions {
  net::ClientOptions http;
  unsigned connections = 0;  ///< 0: as many as are good for this kind of place
  std::string rest_user, rest_password;
  AwsSettings aws;
  OpenstackSettings openstack;
  AzureSettings azure;
  GoogleSettings google;
  RetryOptions retry;
  /// What only some kinds of places have, by restic's names: "azure.access-tier".
  std::map<std::string, std::string> extended;
};

/// Whether it names a folder of this machine, as far as anyone can tell.
bool is_local(const std::string& url);

/// Opens the storage that `url` names, as restic names it: a path or local:PATH, rest:URL, s3:HOST/BUCKET/PREFIX,
/// swift:CONTAINER:/PREFIX, azure:CONTAINER:/PREFIX, gs:BUCKET:/PREFIX,
/// sftp:USER@HOST:FOLDER, rclone:REMOTE:PATH.
/// kInvalidInput for what is unknown or unusable. Nothing is created, and nobody asked; what is reached over a network
/// is asked again where that may help (RetryStorage).
Result<std::unique_ptr<Storage>> open_storage(const std::string& url, const OpenOptions& options = {});

}  // namespace varve::storage
