#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "net/http.h"
#include "storage/aws_session.h"
#include "storage/http_files.h"
#include "storage/s3_place.h"
#include "storage/storage.h"

namespace varve::storage {

/// A repository in a bucket of Amazon's S3, or of what speaks its protocol. The server proves what it gets by its hash,
/// and keeps a file that is there where it knows `If-None-Match`; of others that is asked first. The region is found
/// out, a clock that is wrong is made up for, and keys that have ended are renewed, from what the server says.
/// Thread-safe.
class S3Storage final : public Storage {
 public:
  /// `storage_class`: of all that is stored; the bucket's own if empty.
  S3Storage(S3Place place, const AwsLogin& login, const net::ClientOptions& options, unsigned connections,
            std::string storage_class = {});

  /// One of Amazon's or of another store's. kUnsupported for those of which nothing can be read at once.
  static Result<std::string> parse_storage_class(std::string_view text);

  /// Makes the bucket, too, if it is not there.
  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;
  /// A thousand by one request, where the server knows it.
  std::vector<Status> remove_some(std::span<const Handle> handles, const Cancel& cancel) override;
  size_t removes_at_once() const override { return batches_ ? 1000 : 1; }
  /// A bucket with versions does.
  bool keeps_removed() const override { return keeps_removed_; }

  std::string location() const override { return place_.location(); }
  Pace pace() const override { return Pace::far(connections_); }

 private:
  /// A request before it is signed.
  struct Question {
    std::string method = "GET";
    std::string key = {};  ///< empty for the bucket itself
    std::vector<std::pair<std::string, std::string>> query = {};
    std::vector<net::Header> headers = {};
    Payload body = {};
    std::optional<Id> body_hash = {};  ///< of no body if empty
    uint64_t response_limit = net::Request().response_limit;
  };
  /// What a question is signed with, beside the keys; learnt from the server.
  struct Terms {
    std::string region;
    int64_t skew = 0;  ///< seconds that the server's clock is ahead
  };

  /// Asks once more if the answer told what was wrong with the question: the region, the clock or the keys.
  Result<net::Response> ask(const Question& question, const Cancel& cancel);
  Result<net::Response> ask_once(const Question& question, const Terms& terms, const net::AwsKeys& keys,
                                 const Cancel& cancel);
  /// Whether to ask again: other terms are known now than those of this question, perhaps from another's answer.
  Result<bool> learn(const Question& question, const Terms& asked, const net::Response& response, const Cancel& cancel);
  bool learn_region(const std::string& told, const Terms& asked);
  Terms terms() const;

  Status expect_bucket(const Cancel& cancel);
  Status create_bucket(const Cancel& cancel);
  Status put_new(const Handle& handle, Payload payload, const Cancel& cancel);
  Result<ListPage> list_page(FileType type, const std::string& token, const std::string& what, const Cancel& cancel);
  Status remove_if_there(const Handle& handle, const Cancel& cancel);
  std::vector<Status> remove_each(std::span<const Handle> handles, const Cancel& cancel);
  Result<std::vector<Status>> remove_batch(std::span<const Handle> handles, const Cancel& cancel);
  std::string key_of(const Handle& handle) const;
  std::string name_of(const Handle& handle) const;
  Error explain(const net::Response& response, const std::string& what) const;
  Error explain_refusal(const net::Response& response, const Handle& handle, const Cancel& cancel);
  Error with_origin(Error error) const;

  const S3Place place_;
  const unsigned connections_;
  const std::string storage_class_;
  net::Client client_;
  AwsSession session_;
  mutable std::mutex mutex_;
  Terms terms_;
  std::atomic<bool> conditional_ = true, batches_ = true, keeps_removed_ = false;
};

}  // namespace varve::storage
