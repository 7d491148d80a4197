#pragma once

#include <atomic>
#include <mutex>

#include "net/http.h"
#include "storage/rest_listing.h"
#include "storage/storage.h"

namespace varve::storage {

/// A place on a server that speaks restic's REST protocol: rest-server, or `rclone serve restic`.
struct RestPlace {
  std::string url;  ///< without a login, with a slash at its end
  std::string user = {}, password = {};
  std::string shown = {};  ///< how it is named to the user, if not by this URL; with a slash or a colon at its end
  /// It replaces what is there, hashes nothing, lists folders that are not there as empty ones, and says that a file is
  /// not there whatever keeps it from looking.
  bool is_rclone = false;

  /// What follows "rest:". kInvalidInput if it is no http: or https: URL.
  static Result<RestPlace> parse(std::string_view text);
};

/// A repository there. Uploads are verified by the server, which hashes what it gets. Append-only servers take all but
/// removes of what is no lock: those are kDenied. Thread-safe.
class RestStorage final : public Storage {
 public:
  RestStorage(RestPlace place, const net::ClientOptions& options, unsigned connections);

  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;

  std::string location() const override;
  Pace pace() const override { return Pace::far(connections_); }

 private:
  Result<net::Response> send(net::Request request, const Cancel& cancel);
  std::string url_of(const Handle& handle) const;
  std::string name_of(const Handle& handle) const;
  Error explain(const net::Response& response, const std::string& what) const;
  Result<uint64_t> look(const Handle& handle, const Cancel& cancel);
  Error unless_listed(Error error, const Handle& handle, const Cancel& cancel);
  Result<RestListing> read_listing(const net::Response& response, const std::string& what) const;
  Result<net::Response> list_folder(FileType type, const Cancel& cancel);
  Status expect_repository(const Cancel& cancel);
  Status store(const Handle& handle, Payload payload, const Cancel& cancel);
  Status store_by_rclone(const Handle& handle, Payload payload, const Cancel& cancel);
  Error refused_put(const net::Response& response, const Handle& handle, uint64_t size, const Cancel& cancel);

  const RestPlace place_;
  const unsigned connections_;
  net::Client client_;
  std::atomic<bool> there_ = false;    ///< something was found in it
  std::atomic<bool> created_ = false;  ///< by us: a config that is not there was not put yet
  std::mutex config_;                  ///< held by who stores the config by rclone
};

}  // namespace varve::storage
