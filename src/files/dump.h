#pragma once

#include <functional>
#include <string>

#include "repo/repository.h"

namespace varve::files {

/// Takes the bytes of a dump in order.
using DumpSink = std::function<Status(ByteView bytes)>;

/// A file's content. Nothing is given that was not verified; a damaged blob ends it with an error that names it.
Status dump_file(repo::Repository& repository, const repo::Node& file, const DumpSink& sink, const Cancel& cancel);

enum class ArchiveFormat : uint8_t { kTar, kZip };

struct DumpResult {
  uint64_t entries = 0;
  uint64_t left_out = 0;  ///< sockets; in a zip, devices and FIFOs too
};

/// What lies below `tree` as an archive, its entries named from `path` on ("/home/anna" makes "home/anna/notes"). A tar
/// (pax) keeps modes, owners, times, links, extended attributes, devices and FIFOs; a zip modes, times and symbolic
/// links. The archive is only complete if there is no error.
Result<DumpResult> dump_folder(repo::Repository& repository, const Id& tree, const std::string& path,
                               ArchiveFormat format, const DumpSink& sink, const Cancel& cancel);

}  // namespace varve::files
