#pragma once

#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "job/restore.h"
#include "repo/snapshot.h"

namespace varve::cli {

/// What a restore is going to do; the whole of it for --dry-run, the destructive part before a question.
void print_restore_plan(Output& output, const job::RestorePlan& plan, bool whole);

/// What a restore has done, but for its remarks and shortfalls.
void print_restored(Output& output, const job::RestoreResult& result, bool verified, std::chrono::nanoseconds took);

/// The summary of --json, of a dry run too: docs/json.md.
nlohmann::ordered_json restore_summary(const job::RestoreResult& result, const repo::Snapshot& snapshot, bool verified,
                                       int code);

}  // namespace varve::cli
