#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "storage/storage.h"

namespace varve::storage::posix {

using varve::Fd;

/// open(2), close-on-exec; the error is system_error's, but for a file that is to be read and that the medium cannot
/// give: kCorrupt.
Result<Fd> open_file(const std::string& path, int flags, unsigned mode = 0);
Result<uint64_t> file_size(const Fd& file, const std::string& path);
Status write_all(const Fd& file, const std::string& path, Payload payload, const Cancel& cancel);
/// `out.size()` bytes from `offset`; kCorrupt if the file ends before, or the medium cannot give them.
Status read_at(const Fd& file, const std::string& path, uint64_t offset, std::span<uint8_t> out);

/// Forces a file or folder to disk. File systems that know no such thing are taken as they are.
Status sync(const Fd& file, const std::string& path);
Status sync_folder(const std::string& path);
/// Forces all to disk that was written to the file system of `file`, by whomever: one wait for many files.
Status sync_file_system(const Fd& file, const std::string& path);
/// Mode 0700. Not an error if it exists.
Status make_folder(const std::string& path);
/// Makes `path` and every folder above it that is missing, durably. kInvalidInput if something else is there.
Status make_folders(const std::string& path);
/// Gives `from` the name `to` unless that is taken (kExists).
Status rename_new(const std::string& from, const std::string& to);

/// The names in a folder, ascending by bytes, each once, without `.` and `..`.
Result<std::vector<std::string>> names_in(const Fd& folder);
Result<std::vector<std::string>> names_in(const std::string& path);

std::string parent_of(const std::string& path);

}  // namespace varve::storage::posix
