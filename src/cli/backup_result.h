#pragma once

#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "job/backup.h"

namespace varve::cli {

// What `backup` and `import` have in common: what they call a snapshot and what they say of it.

/// kInvalidInput for a tag that restic could not select by.
Status check_tags(const std::vector<std::string>& tags);
/// kInvalidInput for a name that cannot be a folder's.
Status check_source(const std::string& source);

/// What was read and stored, and below it what there is to know of it.
void print_details(Output& output, const job::BackupResult& result);

/// The summary's first keys, to which a command adds its own, and the others.
nlohmann::ordered_json begin_summary(const job::BackupResult& result, int code);
void end_summary(const job::BackupResult& result, nlohmann::ordered_json& summary);

}  // namespace varve::cli
