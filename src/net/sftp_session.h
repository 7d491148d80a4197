#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <unordered_map>

#include "base/rate_limit.h"
#include "net/child.h"
#include "net/sftp_packet.h"

namespace varve::net {

struct SftpOptions {
  std::vector<std::string> command = {};  ///< whose standard input and output are the server's
  std::string name;                       ///< of the server, for messages
  std::chrono::seconds stall_timeout{300};
  uint64_t upload_limit = 0, download_limit = 0;  ///< bytes a second of files; 0: no limit
};

/// What a server can do beyond version 3.
struct SftpServer {
  std::map<std::string, std::string> extensions;
  uint32_t max_read = 32u << 10, max_write = 32u << 10;

  bool has(const std::string& extension) const { return extensions.contains(extension); }
};

struct SftpReply {
  SftpType type;
  Bytes body;  ///< what follows the id
};

class SftpCalls;

/// A conversation with one server, over a program that is started for it and ends with it. Threads have as many
/// requests under way as they like, each by an SftpCalls of its own. When it has ended, whyever, all requests under way
/// end with kUnavailable, and it stays `broken`: who wants to go on opens another one. Thread-safe.
class SftpSession {
 public:
  /// kUnavailable if the program does not bring us to such a server, kDenied if that does not let us in, kInvalidInput
  /// if there is no such program.
  static Result<std::shared_ptr<SftpSession>> open(const SftpOptions& options, const Cancel& cancel);
  ~SftpSession();

  bool broken() const;
  const std::string& name() const { return options_.name; }
  const SftpServer& server() const { return server_; }

 private:
  friend class SftpCalls;
  SftpSession(const SftpOptions& options, std::unique_ptr<Child> child);

  Status greet(const Cancel& cancel);
  Status send(SftpCalls& calls, SftpType type, ByteView fields, std::span<const ByteView> data, const Cancel& cancel);
  Status write(ByteView head, std::span<const ByteView> data, const Cancel& cancel);
  Result<SftpReply> receive(SftpCalls& calls, const Cancel& cancel);
  void forget(SftpCalls& calls);
  /// Waits for `ready` under the lock, and for no longer than something moves now and then.
  Status wait(std::unique_lock<std::mutex>& lock, std::condition_variable_any& changed, const Cancel& cancel,
              const std::function<bool()>& ready);

  // The reader's, which give whether to go on.
  void read_replies();
  bool read_exactly(std::span<uint8_t> out);
  bool take_packet();
  bool take_greeting(SftpType type, uint32_t version, ByteView body);
  bool dispatch(SftpType type, uint32_t id, Bytes body);
  void break_off(Error why);
  Error why_it_ended() const;

  const SftpOptions options_;
  SftpServer server_;
  std::optional<RateLimit> upload_, download_;
  std::unique_ptr<Child> child_;

  mutable std::mutex mutex_;
  std::condition_variable_any pen_free_, greeted_changed_;
  std::unordered_map<uint32_t, SftpCalls*> pending_;  ///< null where nobody waits for the answer any more
  bool pen_taken_ = false;                            ///< a packet is being written
  uint32_t last_id_ = 0;
  bool greeted_ = false;  ///< set by the reader alone
  std::optional<Error> broken_;
  std::atomic<int64_t> moved_at_;  ///< ticks, when a byte came or went
  std::jthread reader_;            // last: uses what stands above
};

/// The requests that one thread has under way. Their answers are taken in the order in which they were sent. Those that
/// are not taken are forgotten with it.
class SftpCalls {
 public:
  SftpCalls(std::shared_ptr<SftpSession> session, const Cancel& cancel)
      : session_(std::move(session)), cancel_(cancel) {}
  ~SftpCalls() { forget(); }
  SftpCalls(const SftpCalls&) = delete;
  SftpCalls& operator=(const SftpCalls&) = delete;

  /// `data` comes after the fields, as it is, and is written when this returns.
  Status send(SftpType type, const SftpFields& fields, std::span<const ByteView> data = {});
  /// Waits for the answer to the oldest request under way, of which there must be one.
  Result<SftpReply> receive();
  /// One request and its answer; none may be under way.
  Result<SftpReply> call(SftpType type, const SftpFields& fields);
  void forget();
  size_t under_way() const { return expected_.size(); }

  const SftpServer& server() const { return session_->server(); }
  const std::shared_ptr<SftpSession>& session() const { return session_; }
  const Cancel& cancel() const { return cancel_; }
  /// To be called when so many bytes of files were moved.
  Status pay_upload(uint64_t bytes);
  Status pay_download(uint64_t bytes);

 private:
  friend class SftpSession;
  struct Expected {
    uint32_t id;
    std::optional<SftpReply> reply;
  };

  const std::shared_ptr<SftpSession> session_;
  const Cancel& cancel_;
  std::deque<Expected> expected_;  ///< guarded by the session's mutex, but its length is this thread's
  std::condition_variable_any arrived_;
};

}  // namespace varve::net
