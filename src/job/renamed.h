#pragma once

#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/rename.h"

namespace varve::job {

/// A view's options for a server on which the collections have other names: viewOn, and what $lookup, $graphLookup and
/// $unionWith read, at whatever depth. kInvalidInput if the view and what it reads would lie in different databases.
Result<bson::Document> rename_in_view(const bson::Namespace& view, bson::View options,
                                      const bson::NamespaceRename& rename);

/// kInvalidInput for a new name that no server takes, or that restores should not write.
Status check_new_name(const bson::Namespace& old_name, const bson::Namespace& new_name,
                      const std::vector<int>& server_version);

/// The databases that a user or role, as admin.system.* holds it, has rights in.
std::vector<std::string> databases_of_rights(bson::View user_or_role);

}  // namespace varve::job
