#pragma once

#include <map>

#include "net/sftp_session.h"
#include "storage/renewed.h"
#include "storage/sftp_files.h"
#include "storage/sftp_place.h"

namespace varve::storage {

/// A repository in a folder of an SFTP server, laid out as restic does and with its modes. One conversation serves all
/// threads; when it ends, the calls under way are kUnavailable and the next one begins another.
///
/// A file that was put is on the server's disk where the server has fsync@openssh.com; elsewhere it is whole and of the
/// right length, and the server keeps it as it keeps any file. Thread-safe.
class SftpStorage final : public Storage {
 public:
  SftpStorage(std::string location, net::SftpOptions options, std::string folder, unsigned connections);

  /// Makes the folder, those above it, and all that belong in it.
  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  /// kUnavailable if the folder of the type is missing, but for the locks': such a repository is not all there.
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;

  std::string location() const override { return location_; }
  Pace pace() const override { return Pace::far(connections_); }

 private:
  Result<std::shared_ptr<net::SftpSession>> session(const Cancel& cancel);
  std::string path_of(const Handle& handle) const;
  Status make_folders_above(SftpFiles& files);
  Result<SftpModes> modes(SftpFiles& files);
  Status put_in_folder(SftpFiles& files, const Handle& handle, Payload payload);
  Status remove_from_folder(SftpFiles& files, const Handle& handle, const std::string& folder);
  void owe(const std::string& folder);
  Status sync_if_owed(SftpFiles& files, const std::string& folder);
  Status list_config(SftpFiles& files, const std::function<Status(const FileInfo&)>& visit);

  const std::string location_;
  const net::SftpOptions options_;
  const std::string folder_;
  const unsigned connections_;

  Renewed<net::SftpSession> session_;
  std::mutex mutex_;
  std::optional<SftpModes> modes_;
  std::map<std::string, uint64_t> owed_;  ///< folders whose names may not be on disk yet; by which debt
  uint64_t debts_ = 0;
  std::atomic<bool> opens_folders_ = false;  ///< the server did once
};

}  // namespace varve::storage
