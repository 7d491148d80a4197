#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "cli/output.h"
#include "files/problem.h"

namespace varve::cli {

// What a backup or a restore of files could not do, said once more in the end.

/// Some of the `count` problems, a line each.
void print_problems(Output& output, const std::vector<files::Problem>& problems, uint64_t count);
/// The list that is `skipped` in a summary.
nlohmann::ordered_json problems_json(const std::vector<files::Problem>& problems);

}  // namespace varve::cli
