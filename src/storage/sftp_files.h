#pragma once

#include "net/sftp_session.h"
#include "storage/storage.h"

namespace varve::storage {

/// restic's: all for the owner, or for the group too where the repository's config may be read by it.
struct SftpModes {
  uint32_t folder = 0700, file = 0600, finished = 0400;
};

struct SftpEntry {
  std::string name;
  net::SftpAttributes attributes;
};

/// What one thread does with the files of an SFTP server: many requests at a time, as if each were one call. Errors are
/// those of storage.h.
class SftpFiles {
 public:
  /// `opens_folders` is set once the server has opened a folder, and outlives this.
  SftpFiles(const std::shared_ptr<net::SftpSession>& session, const Cancel& cancel, std::atomic<bool>& opens_folders)
      : calls_(session, cancel), opens_folders_(opens_folders) {}

  Result<net::SftpAttributes> stat(const std::string& path);
  Result<Bytes> read(const std::string& path, uint64_t offset, uint64_t length);
  /// kExists if the name is taken. When it has succeeded all is there and, as far as the server can promise that, on
  /// its disk.
  Status create(const std::string& path, Payload payload, const SftpModes& modes);
  Status remove(const std::string& path);
  /// Forces the names in a folder to disk, if the server can: one that refuses to open the first folder cannot.
  Status sync_folder(const std::string& path);
  /// Makes those that are not there; what is above them must be.
  Status make_folders(std::span<const std::string> paths, uint32_t mode);
  /// What is in each folder; nothing for one that is not there.
  Result<std::vector<std::optional<std::vector<SftpEntry>>>> read_folders(std::span<const std::string> paths);

 private:
  std::string shown(const std::string& path) const { return calls_.session()->name() + ':' + path; }
  Result<net::SftpReply> take(net::SftpType expected, const std::string& what);
  Result<std::string> take_handle(const std::string& what);
  Result<net::SftpAttributes> take_attributes(const std::string& what);
  Status take_status(const std::string& what);
  Result<Bytes> read_once(const std::string& path, uint64_t offset, uint64_t length);
  Status read_parts(const std::string& handle, const std::string& path, uint64_t offset, std::span<uint8_t> out);
  Status write_parts(const std::string& handle, const std::string& what, Payload payload);
  Status finish(std::optional<std::string>& handle, const std::string& what, const SftpModes& modes);
  Status expect_size(const std::string& path, const std::string& what, uint64_t size);
  Status rename(const std::string& temporary, const std::string& path, const std::string& what);
  Status read_opened(std::span<const std::optional<std::string>> handles, std::span<const std::string> paths,
                     std::span<std::optional<std::vector<SftpEntry>>> out, size_t& room);
  Error explained(Error error, const std::string& folder, uint64_t size);
  void clean_up(const std::optional<std::string>& handle, const std::string& temporary);

  net::SftpCalls calls_;
  std::atomic<bool>& opens_folders_;
};

}  // namespace varve::storage
