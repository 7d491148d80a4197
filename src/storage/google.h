#pragma once

#include "net/http.h"
#include "storage/bucket_place.h"
#include "storage/google_token.h"
#include "storage/http_files.h"
#include "storage/storage.h"

namespace varve::storage {

struct GoogleOptions {
  std::string endpoint = "https://storage.googleapis.com";  ///< without a slash at its end
  std::string project;                                      ///< that a new bucket belongs to
  std::string region = "us";                                ///< where a new bucket is made
};

/// A repository in a bucket of Google's Cloud Storage, by its JSON interface. What is sent and what is read whole is
/// compared by its CRC-32C, and nothing is replaced. Thread-safe.
class GoogleStorage final : public Storage {
 public:
  GoogleStorage(BucketPlace place, GoogleLogin login, GoogleOptions options, const net::ClientOptions& http,
                unsigned connections);

  /// Makes the bucket, too, if it is not there.
  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;

  std::string location() const override { return place_.location(); }
  Pace pace() const override { return Pace::far(connections_); }

 private:
  using Query = std::vector<std::pair<std::string, std::string>>;

  /// With a token; once more with another one if the server does not take it any more.
  Result<net::Response> ask(const net::Request& request, const Cancel& cancel);
  Result<net::Response> ask_once(net::Request request, const std::string& token, const Cancel& cancel);
  std::string url_of(const Handle& handle, const Query& query = {}) const;
  std::string listing_url(const Query& query) const;

  Status expect_bucket(const Cancel& cancel);
  Status create_bucket(const Cancel& cancel);
  Result<net::Response> upload(const Handle& handle, Payload payload, const std::string& crc, const Cancel& cancel);
  Status check_upload(const Handle& handle, const net::Response& response, uint64_t size, const std::string& crc,
                      const Cancel& cancel);
  Status remove_generation(const Handle& handle, const std::string& generation, const Cancel& cancel);
  Result<ListPage> list_page(FileType type, const std::string& token, const std::string& what, const Cancel& cancel);
  std::string name_of(const Handle& handle) const;

  const BucketPlace place_;
  const GoogleOptions options_;
  const unsigned connections_;
  net::Client client_;
  GoogleToken token_;
};

}  // namespace varve::storage
