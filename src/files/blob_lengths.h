#pragma once

#include <vector>

#include "repo/repository.h"

namespace varve::files {

/// The plain length of every blob of a file, from which their offsets follow. kCorrupt names one that no pack holds.
Result<std::vector<uint32_t>> blob_lengths(const repo::Repository& repository, const repo::Node& file);

}  // namespace varve::files
