#pragma once

#include <string>
#include <vector>

#include "repo/keys.h"

namespace varve::maintenance {

/// A repository has one master key, and a key file for every password that opens it.
struct KeyEntry {
  Id id;
  bool current = false;  ///< the repository was opened with it
  repo::KeyFile file;
};

struct KeyList {
  std::vector<KeyEntry> keys;           ///< oldest first
  std::vector<std::string> unreadable;  ///< what is wrong with the others
};

/// What a new key file says of whom it is for; the machine's own names where empty.
struct NewKey {
  std::string username, hostname;
  repo::KeyCost cost = {};
};

Result<KeyList> list_keys(repo::Repository& repository, const Cancel& cancel);

/// Makes another password open the repository. The key is read back and opened before it is said to be there; one that
/// fails that is taken away again. kInvalidInput if there are already as many keys as programs try. An empty password
/// is none: that it is meant is asked for by whoever calls.
Result<Id> add_key(repo::Repository& repository, std::string_view password, const NewKey& details,
                   const Cancel& cancel);

/// kInvalidInput for the key that the repository was opened with: whoever removes a key must hold another.
Status remove_key(repo::Repository& repository, const Id& id, const Cancel& cancel);

/// Adds a key for the new password and then removes the one that the repository was opened with. At every moment one of
/// the two opens it.
Result<Id> change_password(repo::Repository& repository, std::string_view password, const NewKey& details,
                           const Cancel& cancel);

}  // namespace varve::maintenance
