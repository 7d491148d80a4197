#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mongo/driver.h"

namespace varve::mongo {

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kSlice{300};

/// A stream of the driver begins with its function table, so a pointer to one is a pointer to the other.
struct SocketStream {
  mongoc_stream_t table{};
  int socket = -1;
  Interrupt* interrupt = nullptr;
  std::vector<uint8_t> held;  ///< came in before a time ran out; read first
  bool timed_out = false;
  bool would_block = false;
};

SocketStream& self(mongoc_stream_t* stream) {
  return *reinterpret_cast<SocketStream*>(stream);
}

Clock::time_point deadline_after(int32_t timeout_ms) {
  return timeout_ms < 0 ? Clock::time_point::max() : Clock::now() + Milliseconds(timeout_ms);
}

/// Waits in slices until the socket is ready, the time is over (false, ETIMEDOUT) or somebody wants to stop
/// (ECANCELED).
bool wait_ready(int socket, short events, Clock::time_point deadline, const Interrupt& interrupt) {
  for (;;) {
    if (interrupt.raised()) {
      errno = ECANCELED;
      return false;
    }
    const auto now = Clock::now();
    auto slice = kSlice;
    if (deadline - now < kSlice) slice = std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(deadline - now));
    pollfd waiting{socket, events, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(slice.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (ready == 0 && Clock::now() >= deadline) {
      errno = ETIMEDOUT;
      return false;
    }
  }
}

ssize_t give_up(SocketStream& s, bool at_once) {
  s.timed_out = errno == ETIMEDOUT;
  s.would_block = s.timed_out && at_once;
  if (s.would_block) errno = EAGAIN;
  if (!s.would_block) {
    const int reason = errno;
    s.interrupt->trouble = std::strerror(reason);
    errno = reason;
  }
  return -1;
}

/// The part of the vectors after `skip` bytes.
std::vector<iovec> rest_of(const mongoc_iovec_t* vectors, size_t count, size_t skip) {
  std::vector<iovec> rest;
  rest.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t gone = std::min(skip, vectors[i].iov_len);
    skip -= gone;
    if (gone < vectors[i].iov_len) {
      rest.push_back({static_cast<uint8_t*>(vectors[i].iov_base) + gone, vectors[i].iov_len - gone});
    }
  }
  return rest;
}

size_t total(const mongoc_iovec_t* vectors, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes += vectors[i].iov_len;
  return bytes;
}

size_t take_held(SocketStream& s, const mongoc_iovec_t* vectors, size_t count) {
  size_t taken = 0;
  for (size_t i = 0; i < count && taken < s.held.size(); ++i) {
    const size_t part = std::min(vectors[i].iov_len, s.held.size() - taken);
    std::memcpy(vectors[i].iov_base, s.held.data() + taken, part);
    taken += part;
  }
  s.held.erase(s.held.begin(), s.held.begin() + static_cast<ptrdiff_t>(taken));
  return taken;
}

void hold(SocketStream& s, const mongoc_iovec_t* vectors, size_t count, size_t bytes) {
  std::vector<uint8_t> kept;
  kept.reserve(bytes);
  for (size_t i = 0; i < count && kept.size() < bytes; ++i) {
    const auto* from = static_cast<const uint8_t*>(vectors[i].iov_base);
    kept.insert(kept.end(), from, from + std::min(vectors[i].iov_len, bytes - kept.size()));
  }
  s.held.insert(s.held.begin(), kept.begin(), kept.end());
}

ssize_t read_vectors(mongoc_stream_t* stream, mongoc_iovec_t* vectors, size_t count, size_t min_bytes,
                     int32_t timeout_ms) {
  SocketStream& s = self(stream);
  const auto deadline = deadline_after(timeout_ms);
  const size_t wanted = std::max<size_t>(1, min_bytes);
  s.timed_out = s.would_block = false;
  size_t done = take_held(s, vectors, count);
  while (done < wanted) {
    auto rest = rest_of(vectors, count, done);
    const ssize_t got = ::readv(s.socket, rest.data(), static_cast<int>(rest.size()));
    if (got > 0) {
      done += static_cast<size_t>(got);
      continue;
    }
    if (got == 0) {
      s.interrupt->trouble = "the server closed the connection";
      return min_bytes == 0 ? 0 : (errno = ECONNRESET, -1);
    }
    if (errno == EINTR) continue;
    if ((errno == EAGAIN || errno == EWOULDBLOCK) && wait_ready(s.socket, POLLIN, deadline, *s.interrupt)) continue;
    const int reason = errno;
    hold(s, vectors, count, done);
    errno = reason;
    return give_up(s, timeout_ms == 0);
  }
  return static_cast<ssize_t>(done);
}

ssize_t write_vectors(mongoc_stream_t* stream, mongoc_iovec_t* vectors, size_t count, int32_t timeout_ms) {
  SocketStream& s = self(stream);
  const auto deadline = deadline_after(timeout_ms);
  const size_t wanted = total(vectors, count);
  s.timed_out = s.would_block = false;
  size_t done = 0;
  while (done < wanted) {
    auto rest = rest_of(vectors, count, done);
    msghdr message{};
    message.msg_iov = rest.data();
    message.msg_iovlen = rest.size();
    const ssize_t put = ::sendmsg(s.socket, &message, MSG_NOSIGNAL);
    if (put > 0) {
      done += static_cast<size_t>(put);
      continue;
    }
    if (errno == EINTR) continue;
    if ((errno == EAGAIN || errno == EWOULDBLOCK) && wait_ready(s.socket, POLLOUT, deadline, *s.interrupt)) continue;
    if (done > 0 && timeout_ms == 0) return static_cast<ssize_t>(done);
    return give_up(s, timeout_ms == 0);
  }
  return static_cast<ssize_t>(done);
}

/// The driver waits here for several servers at once while it looks for one.
ssize_t poll_streams(mongoc_stream_poll_t* streams, size_t count, int32_t timeout_ms) {
  const auto deadline = deadline_after(timeout_ms);
  std::vector<pollfd> waiting(count);
  for (size_t i = 0; i < count; ++i) {
    waiting[i] = {self(streams[i].stream).socket, static_cast<short>(streams[i].events), 0};
  }
  for (;;) {
    bool raised = false;
    for (size_t i = 0; i < count; ++i) raised = raised || self(streams[i].stream).interrupt->raised();
    const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now());
    const auto slice = std::clamp(left, Milliseconds(0), kSlice);
    const int ready = raised ? 0 : ::poll(waiting.data(), waiting.size(), static_cast<int>(slice.count()));
    if (ready < 0 && errno != EINTR) return -1;
    for (size_t i = 0; i < count; ++i) streams[i].revents = raised ? POLLERR : waiting[i].revents;
    if (raised) return static_cast<ssize_t>(count);
    if (ready > 0 || Clock::now() >= deadline) return std::max(ready, 0);
  }
}

int close_stream(mongoc_stream_t* stream) {
  SocketStream& s = self(stream);
  if (s.socket < 0) return 0;
  const int result = ::close(s.socket);
  s.socket = -1;
  return result;
}

void destroy_stream(mongoc_stream_t* stream) {
  close_stream(stream);
  delete &self(stream);
}

bool is_closed(mongoc_stream_t* stream) {
  const SocketStream& s = self(stream);
  if (s.socket < 0) return true;
  char byte;
  const ssize_t got = ::recv(s.socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

int set_option(mongoc_stream_t* stream, int level, int name, void* value, mongoc_socklen_t length) {
  return ::setsockopt(self(stream).socket, level, name, value, length);
}

mongoc_stream_t* new_stream(int socket, Interrupt& interrupt) {
  constexpr int kOwnType = 1000;  // none of the driver's
  auto* s = new SocketStream;
  s->socket = socket;
  s->interrupt = &interrupt;
  s->table.type = kOwnType;
  s->table.destroy = destroy_stream;
  s->table.failed = destroy_stream;
  s->table.close = close_stream;
  s->table.flush = [](mongoc_stream_t*) { return 0; };
  s->table.writev = write_vectors;
  s->table.readv = read_vectors;
  s->table.setsockopt = set_option;
  s->table.check_closed = is_closed;
  s->table.poll = poll_streams;
  s->table.timed_out = [](mongoc_stream_t* stream) { return self(stream).timed_out; };
  s->table.should_retry = [](mongoc_stream_t* stream) { return self(stream).would_block; };
  return &s->table;
}

/// A peer that is gone without a word is found within some two minutes, whether we wait for it or send to it; nothing
/// else limits how long an answer may take.
void detect_dead_peers(int socket) {
  const auto set = [&](int level, int name, int value) { ::setsockopt(socket, level, name, &value, sizeof value); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set(IPPROTO_TCP, TCP_KEEPCNT, 6);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 120'000);
}

/// A connected socket, or -1 with errno.
int connect_to(int family, const sockaddr* address, socklen_t length, Clock::time_point deadline,
               const Interrupt& interrupt) {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  int problem = 0;
  if (::connect(socket, address, length) != 0) {
    problem = errno;
    if (problem == EINPROGRESS) {
      socklen_t size = sizeof problem;
      if (!wait_ready(socket, POLLOUT, deadline, interrupt)) {
        problem = errno;
      } else if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) {
        problem = errno;
      }
    }
  }
  if (problem == 0) return socket;
  ::close(socket);
  errno = problem;
  return -1;
}

int connect_unix(const mongoc_host_list_t& host, Clock::time_point deadline, const Interrupt& interrupt) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::min(std::strlen(host.host), sizeof address.sun_path - 1);
  std::memcpy(address.sun_path, host.host, length);
  return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, deadline, interrupt);
}

int connect_tcp(const mongoc_host_list_t& host, Clock::time_point deadline, Interrupt& interrupt) {
  addrinfo hints{};
  hints.ai_family = host.family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int lookup = ::getaddrinfo(host.host, std::to_string(host.port).c_str(), &hints, &found);
  if (lookup != 0) {
    interrupt.trouble = ::gai_strerror(lookup);
    return -1;
  }
  int socket = -1;
  for (const addrinfo* a = found; a != nullptr && socket < 0; a = a->ai_next) {
    socket = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen, deadline, interrupt);
    if (socket < 0) interrupt.trouble = std::strerror(errno);
  }
  ::freeaddrinfo(found);
  if (socket >= 0) detect_dead_peers(socket);
  return socket;
}

}  // namespace

mongoc_stream_t* open_socket_stream(const mongoc_host_list_t& host, int32_t timeout_ms, Interrupt& interrupt) {
  const auto deadline = deadline_after(timeout_ms);
  const bool local = host.family == AF_UNIX;
  const int socket = local ? connect_unix(host, deadline, interrupt) : connect_tcp(host, deadline, interrupt);
  if (socket >= 0) return new_stream(socket, interrupt);
  if (local) interrupt.trouble = std::strerror(errno);
  return nullptr;
}

}  // namespace varve::mongo
