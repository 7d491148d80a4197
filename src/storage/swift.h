#pragma once

#include "net/http.h"
#include "storage/storage.h"
#include "storage/swift_place.h"
#include "storage/swift_session.h"

namespace varve::storage {

/// A repository in a container of OpenStack's Swift, or of what speaks its protocol. The server compares what it gets
/// with its MD5, and keeps a file that is there; whole files are compared with theirs when they are read. A login that
/// ends while one works is made again. Thread-safe.
///
/// Swift keeps its listings apart, and brings them up to date after it has a file: where a server of it fails they may
/// be late, and if it ends in between the file is in none. So a file whose answer was lost is looked for in the
/// listing, too.
class SwiftStorage final : public Storage {
 public:
  /// `policy`: what a container is made with, if that is named.
  SwiftStorage(SwiftPlace place, OpenstackLogin login, std::string policy, const net::ClientOptions& options,
               unsigned connections);

  /// Makes the container, too, if it is not there.
  Status create(const Cancel& cancel) override;
  /// kUnsupported beyond 5 GiB, which Swift stores in segments only.
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;
  Result<bool> is_listed(const Handle& handle, const Cancel& cancel) override;

  std::string location() const override { return place_.location(); }
  Pace pace() const override { return Pace::far(connections_); }

 private:
  /// A request before it has the token.
  struct Question {
    std::string method = "GET";
    std::string key = {};    ///< empty for the container itself
    std::string query = {};  ///< encoded
    std::vector<net::Header> headers = {};
    Payload body = {};
    uint64_t response_limit = net::Request().response_limit;
  };

  /// Asks once more, with a new token, if the server refuses the one that it had.
  Result<net::Response> ask(const Question& question, const Cancel& cancel);
  Result<net::Response> ask_once(const Question& question, const SwiftAccess& access, const Cancel& cancel);

  Status expect_container(const Cancel& cancel);
  Status create_container(const Cancel& cancel);
  Result<net::Response> put_once(const Handle& handle, Payload payload, const std::string& md5, bool only_new,
                                 const Cancel& cancel);
  Status confirm(const Handle& handle, Payload payload, const std::string& md5, const net::Response& response,
                 const Cancel& cancel);
  Status await_listing(const Handle& handle, const Cancel& cancel);
  Status outlive_a_race(const Handle& handle, Payload payload, const Cancel& cancel);
  Result<SwiftPage> list_page(const std::string& prefix, const std::string& marker, const Cancel& cancel);
  std::string key_of(const Handle& handle) const { return place_.prefix + handle.path(); }
  std::string name_of(const Handle& handle) const { return location() + handle.path(); }

  const SwiftPlace place_;
  const std::string policy_;
  const unsigned connections_;
  net::Client client_;
  SwiftSession session_;
};

}  // namespace varve::storage
