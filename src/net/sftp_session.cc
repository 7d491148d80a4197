#include "net/sftp_session.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace varve::net {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr uint32_t kVersion = 3;
constexpr uint32_t kLeastData = 4u << 10;   // of less too many packets would be under way; all servers take it
constexpr uint32_t kMostData = 255u << 10;  // with its head it still is a packet that every server takes
constexpr auto kLook = 1s;                  // how often it is seen whether anything still moves
constexpr auto kFinish = 5s;                // for a packet of which a part is written already when all is to stop

void put_u32(uint8_t* out, uint32_t number) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(number >> (24 - 8 * i));
}

int64_t now() {
  return system_clock().ticks().count();
}

}  // namespace

SftpSession::SftpSession(const SftpOptions& options, std::unique_ptr<Child> child)
    : options_(options), child_(std::move(child)), moved_at_(now()) {
  if (options.upload_limit > 0) upload_.emplace(options.upload_limit);
  if (options.download_limit > 0) download_.emplace(options.download_limit);
}

SftpSession::~SftpSession() {
  ::shutdown(child_->channel(), SHUT_RDWR);  // wakes the reader
}

Result<std::shared_ptr<SftpSession>> SftpSession::open(const SftpOptions& options, const Cancel& cancel) {
  TRY(cancel.check());
  TRY_ASSIGN(auto child, Child::start({.words = options.command, .converses = true}));
  std::shared_ptr<SftpSession> session(new SftpSession(options, std::move(child)));
  session->reader_ = std::jthread([self = session.get()] { self->read_replies(); });
  TRY(session->greet(cancel));
  if (session->server_.has("limits@openssh.com")) {
    SftpCalls calls(session, cancel);
    TRY_ASSIGN(const auto reply, calls.call(SftpType::kExtended, SftpFields().string("limits@openssh.com")));
    SftpParser parser(reply.body);
    const uint64_t packet = parser.u64(), read = parser.u64(), write = parser.u64();
    if (reply.type == SftpType::kExtendedReply && parser.good() && packet > 0) {
      const auto believed = [](uint64_t most) {
        return static_cast<uint32_t>(std::clamp<uint64_t>(most, kLeastData, kMostData));
      };
      if (read > 0) session->server_.max_read = believed(read);
      if (write > 0) session->server_.max_write = believed(write);
    }
  }
  return session;
}

bool SftpSession::broken() const {
  std::lock_guard lock(mutex_);
  return broken_.has_value();
}

Status SftpSession::greet(const Cancel& cancel) {
  std::array<uint8_t, 9> hello{};
  put_u32(hello.data(), 5);
  hello[4] = static_cast<uint8_t>(SftpType::kInit);
  put_u32(hello.data() + 5, kVersion);
  (void)write(hello, {}, cancel);  // if that fails the reader knows more
  std::unique_lock lock(mutex_);
  return wait(lock, greeted_changed_, cancel, [&] { return greeted_; });
}

Status SftpSession::wait(std::unique_lock<std::mutex>& lock, std::condition_variable_any& changed, const Cancel& cancel,
                         const std::function<bool()>& ready) {
  while (!changed.wait_for(lock, cancel.token(), kLook, [&] { return ready() || broken_; })) {
    TRY(cancel.check());
    if (now() - moved_at_ < nanoseconds(options_.stall_timeout).count()) continue;
    broken_ = Error(ErrorKind::kUnavailable,
                    fmt::format("{} was silent for {} s", options_.name, options_.stall_timeout.count()));
    ::shutdown(child_->channel(), SHUT_RDWR);  // the reader tells the others
  }
  if (!ready()) return fail(*broken_);
  return {};
}

Status SftpSession::send(SftpCalls& calls, SftpType type, ByteView fields, std::span<const ByteView> data,
                         const Cancel& cancel) {
  TRY(cancel.check());
  Bytes head(9);
  append(head, fields);
  size_t size = head.size() - 4;
  for (const ByteView piece : data) size += piece.size();
  put_u32(head.data(), static_cast<uint32_t>(size));
  head[4] = static_cast<uint8_t>(type);
  {
    std::unique_lock lock(mutex_);
    TRY(wait(lock, pen_free_, cancel, [&] { return !pen_taken_ && !broken_; }));
    // With nothing under way nothing has to move.
    if (pending_.empty()) moved_at_ = now();
    pen_taken_ = true;
    do ++last_id_;
    while (pending_.contains(last_id_));
    put_u32(head.data() + 5, last_id_);
    pending_.emplace(last_id_, &calls);
    calls.expected_.push_back({last_id_, std::nullopt});
  }
  auto written = write(head, data, cancel);
  std::lock_guard lock(mutex_);
  pen_taken_ = false;
  pen_free_.notify_one();
  return written;
}

/// A packet that ends in its middle would end the conversation: once begun it is finished, if that can be.
Status SftpSession::write(ByteView head, std::span<const ByteView> data, const Cancel& cancel) {
  std::vector<iovec> pieces{{const_cast<uint8_t*>(head.data()), head.size()}};
  for (const ByteView piece : data) pieces.push_back({const_cast<uint8_t*>(piece.data()), piece.size()});
  const int64_t began = now();
  for (size_t next = 0; next < pieces.size();) {
    msghdr message{};
    message.msg_iov = &pieces[next];
    message.msg_iovlen = std::min<size_t>(pieces.size() - next, 64);
    const ssize_t sent = ::sendmsg(child_->channel(), &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      moved_at_ = now();
      auto left = static_cast<size_t>(sent);
      for (; next < pieces.size() && left >= pieces[next].iov_len; ++next) left -= pieces[next].iov_len;
      if (next < pieces.size())
        pieces[next] = {static_cast<uint8_t*>(pieces[next].iov_base) + left, pieces[next].iov_len - left};
      continue;
    }
    if (errno == EINTR) continue;
    const bool must_stop = cancel.stopped() && now() - began > nanoseconds(kFinish).count();
    const bool stalled = now() - moved_at_ > nanoseconds(options_.stall_timeout).count();
    if ((errno != EAGAIN && errno != EWOULDBLOCK) || must_stop || stalled) {
      ::shutdown(child_->channel(), SHUT_RDWR);
      std::unique_lock lock(mutex_);
      // The reader finds out why.
      TRY(wait(lock, greeted_changed_, Cancel(), [] { return false; }));
    }
    pollfd room{child_->channel(), POLLOUT, 0};
    ::poll(&room, 1, kLook / 1ms);
  }
  return {};
}

Result<SftpReply> SftpSession::receive(SftpCalls& calls, const Cancel& cancel) {
  std::unique_lock lock(mutex_);
  TRY(wait(lock, calls.arrived_, cancel, [&] { return calls.expected_.front().reply.has_value(); }));
  SftpReply reply = std::move(*calls.expected_.front().reply);
  calls.expected_.pop_front();
  return reply;
}

void SftpSession::forget(SftpCalls& calls) {
  std::lock_guard lock(mutex_);
  for (const auto& expected : calls.expected_) {
    if (!expected.reply) pending_[expected.id] = nullptr;
  }
  calls.expected_.clear();
}

Status SftpCalls::send(SftpType type, const SftpFields& fields, std::span<const ByteView> data) {
  return session_->send(*this, type, fields.bytes(), data, cancel_);
}

Result<SftpReply> SftpCalls::receive() {
  return session_->receive(*this, cancel_);
}

Result<SftpReply> SftpCalls::call(SftpType type, const SftpFields& fields) {
  TRY(send(type, fields));
  return receive();
}

void SftpCalls::forget() {
  session_->forget(*this);
}

Status SftpCalls::pay_upload(uint64_t bytes) {
  return session_->upload_ ? session_->upload_->pay(bytes, cancel_) : Status();
}

Status SftpCalls::pay_download(uint64_t bytes) {
  return session_->download_ ? session_->download_->pay(bytes, cancel_) : Status();
}

}  // namespace varve::net
