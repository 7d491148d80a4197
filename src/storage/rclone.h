#pragma once

#include "net/child.h"
#include "storage/renewed.h"
#include "storage/rest.h"

namespace varve::storage {

/// restic's -o rclone.program and -o rclone.args: words as split_words takes them.
struct RcloneSettings {
  std::string program = "rclone";
  std::string args = "serve restic --b2-hard-delete";
};

/// What is run for a place: rclone, serving it on a port of this machine that the kernel chooses. kInvalidInput for
/// what is no place or no words. "--stdio", which restic needs, is left out; a server that keeps in mind what it saw is
/// told not to.
Result<std::vector<std::string>> rclone_command(const std::string& remote, const RcloneSettings& settings);

/// A repository in any of the many kinds of place that rclone knows. An rclone of our own serves it to us alone, with a
/// login that nobody else has, from the first call on; when it has ended the next call starts another one. Thread-safe.
///
/// Such a server replaces files that are there already and hashes nothing: so a file is looked for before it is stored,
/// and its length is looked at afterwards.
class RcloneStorage final : public Storage {
 public:
  /// `remote` is as rclone takes it: REMOTE:PATH.
  RcloneStorage(std::string remote, std::vector<std::string> command, net::ClientOptions options, unsigned connections);

  Status create(const Cancel& cancel) override;
  Status put(const Handle& handle, Payload payload, const Cancel& cancel) override;
  Result<Bytes> get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) override;
  Result<uint64_t> stat(const Handle& handle, const Cancel& cancel) override;
  Status list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) override;
  Status remove(const Handle& handle, const Cancel& cancel) override;

  std::string location() const override { return "rclone:" + shown_; }
  Pace pace() const override { return Pace::far(connections_); }

 private:
  struct Server {
    std::unique_ptr<net::Child> program;
    RestStorage rest;
  };
  Result<std::shared_ptr<Server>> start(const Cancel& cancel);
  Result<std::shared_ptr<Server>> server(const Cancel& cancel);
  std::string words_of(const net::Child& program) const;
  Error not_serving(const net::Child& program) const;
  /// What `call` gives, with what rclone says of it.
  template <typename R>
  R ask(const Cancel& cancel, const std::function<R(RestStorage&)>& call);

  const std::string remote_, shown_;
  const std::vector<std::string> command_;
  const net::ClientOptions options_;
  const unsigned connections_;
  Renewed<Server> server_;
  std::atomic<bool> served_ = false;
};

}  // namespace varve::storage
