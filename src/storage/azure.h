#pragma once

#include <atomic>

#include "net/http.h"
#include "storage/azure_login.h"
#include "storage/bucket_place.h"
#include "storage/http_files.h"
#include "storage/storage.h"

namespace varve::storage {

/// How files are stored and listed; the limits of files are those that restic has.
struct AzureOptions {
  std::string access_tier;            ///< Hot, Cool or Cold; empty: the account's own
  uint64_t largest_put = 256u << 20;  ///< what is larger is put block by block
  uint64_t block = 100u << 20;
  unsigned page = 5000;  ///< files of a listing in one answer; no server gives more

  /// The tier as Azure spells it. kInvalidInput for what is none, kUnsupported for Archive, of which nothing can be
  /// read.
  static Result<std::string> parse_tier(std::string_view text);
};

/// A repository in a container of Azure's blob storage. What is sent is compared with its MD5 by the server, and never
/// replaces a file. A clock that is wrong is made up for, from what the server says. Thread-safe.
class AzureStorage final : public Storage {
 public:
  AzureStorage(BucketPlace place, AzureLogin login, AzureOptions options, const net::ClientOptions& http,
               unsigned connections);

  /// Makes the container, too, if it is not there.
  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;

  std::string location() const override { return place_.location(); }
  Pace pace() const override { return Pace::far(connections_); }

 private:
  /// A request before it is signed.
  struct Question {
    std::string method = "GET";
    std::string key = {};  ///< empty for the container itself
    std::vector<std::pair<std::string, std::string>> query = {};
    std::vector<net::Header> headers = {};
    Payload body = {};
    uint64_t response_limit = net::Request().response_limit;
  };

  /// Asks once more if the answer told that the clock is wrong.
  Result<net::Response> ask(const Question& question, const Cancel& cancel);
  Result<net::Response> ask_once(const Question& question, int64_t skew, const Cancel& cancel);

  Status expect_container(const Cancel& cancel);
  Result<net::Response> put_whole(const Handle& handle, Payload payload, const Cancel& cancel);
  Result<net::Response> put_blocks(const Handle& handle, Payload payload, const Cancel& cancel);
  Result<net::Response> put_block_list(const Handle& handle, const std::vector<std::string>& blocks,
                                       const std::string& md5, const Cancel& cancel);
  Result<ListPage> list_page(FileType type, const std::string& marker, const std::string& what, const Cancel& cancel);
  std::string key_of(const Handle& handle) const;
  std::string name_of(const Handle& handle) const;
  Error explain(const net::Response& response, const std::string& what) const;

  const BucketPlace place_;
  const AzureLogin login_;
  const AzureOptions options_;
  const unsigned connections_;
  net::Client client_;
  std::atomic<int64_t> skew_ = 0;  ///< seconds that the server's clock is ahead; 0 unless that was in the way
};

}  // namespace varve::storage
