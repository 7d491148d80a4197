// What comes from the server, read by one thread of each conversation.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "net/sftp_session.h"

namespace varve::net {

namespace {

using namespace std::chrono_literals;

constexpr uint32_t kLargestPacket = 1u << 20;  // four times what OpenSSH sends
constexpr auto kLastWords = 2s;

Error not_sftp(const std::string& name, ByteView beginning) {
  std::string shown;
  for (const uint8_t byte : beginning) shown += byte >= ' ' && byte < 0x7f ? static_cast<char>(byte) : '.';
  return Error(ErrorKind::kUnsupported, fmt::format("what {} answers is not SFTP: it begins \"{}\"", name, shown))
      .hint("what the server's login shell runs, such as .bashrc, must print nothing when nobody is at a terminal")
      .hint("sftp " + name + " shows whether the server has SFTP at all");
}

/// Whether ssh will not get further by trying again.
bool is_refusal(std::string_view words) {
  for (const auto sign : {"Permission denied", "Host key verification failed", "Too many authentication failures",
                          "IDENTIFICATION HAS CHANGED", "No supported authentication methods"}) {
    if (words.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

void SftpSession::read_replies() {
  while (take_packet()) {
  }
  if (!broken()) break_off(why_it_ended());
  std::lock_guard lock(mutex_);
  for (const auto& [id, calls] : pending_) {
    if (calls != nullptr) calls->arrived_.notify_all();
  }
  pen_free_.notify_all();
  greeted_changed_.notify_all();
}

bool SftpSession::read_exactly(std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = ::recv(child_->channel(), out.data(), out.size(), 0);
    if (got > 0) {
      out = out.subspan(static_cast<size_t>(got));
      moved_at_ = system_clock().ticks().count();
      continue;
    }
    if (got == 0) return false;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
    pollfd waited{child_->channel(), POLLIN, 0};
    ::poll(&waited, 1, -1);
  }
  return true;
}

bool SftpSession::take_packet() {
  std::array<uint8_t, 9> head;  // length, type, id or the version
  if (!read_exactly(std::span(head).first(4))) return false;
  SftpParser parser(head);
  const uint32_t size = parser.u32();
  if (size < 5 || size > kLargestPacket) {
    break_off(not_sftp(options_.name, std::span(head).first(4)));
    return false;
  }
  if (!read_exactly(std::span(head).subspan(4))) return false;
  const auto type = static_cast<SftpType>(parser.u8());
  const uint32_t id = parser.u32();
  Bytes body(size - 5);
  if (!read_exactly(body)) return false;
  return greeted_ ? dispatch(type, id, std::move(body)) : take_greeting(type, id, body);
}

bool SftpSession::take_greeting(SftpType type, uint32_t version, ByteView body) {
  if (type != SftpType::kVersion || version < 3) {
    break_off(Error(ErrorKind::kUnsupported, fmt::format("{} does not speak version 3 of SFTP", options_.name)));
    return false;
  }
  SftpParser parser(body);
  while (!parser.at_end() && parser.good()) {
    auto name = parser.text();
    server_.extensions[std::move(name)] = parser.text();
  }
  std::lock_guard lock(mutex_);
  greeted_ = true;
  greeted_changed_.notify_all();
  return true;
}

bool SftpSession::dispatch(SftpType type, uint32_t id, Bytes body) {
  std::unique_lock lock(mutex_);
  const auto found = pending_.find(id);
  if (found == pending_.end()) {
    lock.unlock();
    break_off(Error(ErrorKind::kUnavailable, options_.name + " answers what it was not asked"));
    return false;
  }
  SftpCalls* calls = found->second;
  pending_.erase(found);
  if (calls == nullptr) return true;
  auto& expected = calls->expected_;
  const auto slot = std::ranges::find(expected, id, &SftpCalls::Expected::id);
  slot->reply = SftpReply{type, std::move(body)};
  if (slot == expected.begin()) calls->arrived_.notify_one();
  return true;
}

/// With what is told to everybody from then on.
void SftpSession::break_off(Error why) {
  std::lock_guard lock(mutex_);
  if (!broken_) broken_ = std::move(why);
}

/// By what the program wrote last, and how it ended.
Error SftpSession::why_it_ended() const {
  child_->wait_for_end(kLastWords);
  const auto& program = options_.command.front();
  const auto words = child_->complaints();
  const auto end = child_->end().value_or("closed the connection");
  const auto told = words.empty() ? fmt::format("{} {}", program, end) : fmt::format("{} says: {}", program, words);
  if (greeted_)
    return Error(ErrorKind::kUnavailable, fmt::format("the connection to {} broke: {}", options_.name, told));
  const auto failed = fmt::format("cannot connect to {}: {}", options_.name, told);
  if (is_refusal(words)) {
    return Error(ErrorKind::kDenied, failed)
        .hint(fmt::format("sftp {} must get in without being asked anything: a key in ssh's agent or configuration, "
                          "the host in known_hosts",
                          options_.name));
  }
  if (words.find("subsystem request failed") != std::string::npos) {
    return Error(ErrorKind::kUnsupported, failed).hint("does the server have SFTP switched on?");
  }
  return Error(ErrorKind::kUnavailable, failed);
}

}  // namespace varve::net
