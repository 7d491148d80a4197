#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/storage.h"

namespace varve::storage {

// restic's default layout: config, keys/, locks/, snapshots/, index/, data/00/ to data/ff/.

/// "data" and so on; empty for the config, which lies in the top folder.
std::string_view folder_of(FileType type);
/// Relative to the repository's folder, with / between.
std::string relative_path(const Handle& handle);
/// The id that a file's name means. Only lower case: another spelling would be found but never opened.
std::optional<Id> id_of_name(std::string_view name);
/// What stands before "config" in the keys of a store that has no folders, for the folder that its user names: without
/// empty parts and dots, and with a slash at its end unless it is empty. A slash at the beginning stays, for restic
/// makes keys with it. Nothing if there is a ".." in it.
std::optional<std::string> key_prefix(std::string_view folder);

}  // namespace varve::storage
