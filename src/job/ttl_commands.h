#pragma once

#include <string>
#include <vector>

#include "job/restore.h"

namespace varve::job {

bool is_ttl(const bson::Document& index);
/// The `_id` index, or the key of a clustered collection: no restore builds it.
bool is_id_index(const bson::Document& index);

/// What turns on the expiry that a restore left off (RULES 17), a line each in the shell's language; for a collection
/// that stays only what it lacks. With `indexes`, TTL indexes too. Pure.
std::vector<std::string> ttl_commands(const RestorePlan::Item& item, bool indexes);

}  // namespace varve::job
