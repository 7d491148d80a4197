#pragma once

#include <string>

#include "base/result.h"

namespace varve::storage {

/// What the environment says about Google's storage; all of it may be empty.
struct GoogleSettings {
  std::string access_token;
  std::string credentials_file;  ///< that the user names
  std::string well_known_file;   ///< that Google's tools write for programs; it may be missing
  std::string emulator;          ///< of the storage: HOST:PORT or a URL; it is asked without a login
  std::string metadata_host;     ///< of the machine, with its port; Google's if empty
  std::string project;           ///< that a new bucket belongs to
};

/// How tokens are come by.
struct GoogleLogin {
  enum class Kind : uint8_t { kNone, kToken, kServiceAccount, kUser, kMetadata };
  Kind kind = Kind::kNone;
  std::string token = {};  ///< kToken: itself
  /// kServiceAccount; the key is PEM.
  std::string email = {}, key_id = {}, private_key = {};
  /// kUser.
  std::string client_id = {}, client_secret = {}, refresh_token = {};
  std::string token_url = {};  ///< where the last three kinds get one
};

/// None for an emulator; else the token, or what the named file says, or the well-known one, or whom the machine's
/// metadata names. kInvalidInput if a file is unusable, kUnsupported if its kind of login is unknown here; the message
/// holds no secret.
Result<GoogleLogin> google_login(const GoogleSettings& settings);

/// Where the storage is asked, without a slash at its end. kInvalidInput if the emulator's name is none.
Result<std::string> google_endpoint(const GoogleSettings& settings);

}  // namespace varve::storage
