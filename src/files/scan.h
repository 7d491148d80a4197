#pragma once

#include "files/ledger.h"
#include "files/selection.h"
#include "files/sources.h"

namespace varve::files {

/// Counts what a backup of the sources has to do, and tells the ledger now and then. What cannot be looked at is passed
/// over: the backup itself reports it.
void scan(const Source& root, Selection selection, const std::string& working_folder, Ledger& ledger,
          const Cancel& cancel);

}  // namespace varve::files
