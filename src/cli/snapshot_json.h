#pragma once

#include <nlohmann/json_fwd.hpp>

#include "repo/snapshot.h"

namespace varve::cli {

/// A snapshot as restic's `snapshots --json` shows it.
nlohmann::ordered_json snapshot_json(const repo::Snapshot& snapshot);

}  // namespace varve::cli
