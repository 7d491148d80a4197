#include <algorithm>
#include <cerrno>

#include "mongo/driver.h"
#include "mongo/reply_guard.h"

namespace varve::mongo {

namespace {

/// Another stream, looked at as it is read.
struct GuardedStream {
  mongoc_stream_t table{};  // first: a pointer to one is a pointer to the other
  mongoc_stream_t* base = nullptr;
  Interrupt* interrupt = nullptr;
  ReplyGuard guard;

  GuardedStream(mongoc_stream_t* of, Interrupt& stop, bool compressed)
      : base(of), interrupt(&stop), guard(compressed) {}
};

GuardedStream& self(mongoc_stream_t* stream) {
  return *reinterpret_cast<GuardedStream*>(stream);
}

bool all_seen(ReplyGuard& guard, const mongoc_iovec_t* vectors, size_t count, size_t bytes) {
  for (size_t i = 0; i < count && bytes > 0; ++i) {
    const size_t part = std::min(vectors[i].iov_len, bytes);
    if (!guard.saw({static_cast<const uint8_t*>(vectors[i].iov_base), part})) return false;
    bytes -= part;
  }
  return true;
}

ssize_t read_vectors(mongoc_stream_t* stream, mongoc_iovec_t* vectors, size_t count, size_t min_bytes,
                     int32_t timeout_ms) {
  auto& s = self(stream);
  const ssize_t got = s.base->readv(s.base, vectors, count, min_bytes, timeout_ms);
  if (got <= 0 || all_seen(s.guard, vectors, count, static_cast<size_t>(got))) return got;
  s.interrupt->trouble = "it sent something that is no reply of a MongoDB server";
  errno = EPROTO;
  return -1;
}

void destroy(mongoc_stream_t* stream) {
  mongoc_stream_destroy(self(stream).base);
  delete &self(stream);
}

void fail_stream(mongoc_stream_t* stream) {
  mongoc_stream_failed(self(stream).base);
  delete &self(stream);
}

}  // namespace

mongoc_stream_t* guard_replies(mongoc_stream_t* base, Interrupt& interrupt, bool compressed) {
  constexpr int kOwnType = 1001;  // none of the driver's
  auto* s = new GuardedStream(base, interrupt, compressed);
  auto& t = s->table;
  t.type = kOwnType;
  t.destroy = destroy;
  t.failed = fail_stream;
  t.close = [](mongoc_stream_t* stream) { return mongoc_stream_close(self(stream).base); };
  t.flush = [](mongoc_stream_t* stream) { return mongoc_stream_flush(self(stream).base); };
  t.readv = read_vectors;
  t.writev = [](mongoc_stream_t* stream, mongoc_iovec_t* vectors, size_t count, int32_t timeout_ms) {
    return self(stream).base->writev(self(stream).base, vectors, count, timeout_ms);
  };
  t.setsockopt = [](mongoc_stream_t* stream, int level, int name, void* value, mongoc_socklen_t length) {
    return mongoc_stream_setsockopt(self(stream).base, level, name, value, length);
  };
  t.get_base_stream = [](mongoc_stream_t* stream) { return self(stream).base; };
  t.check_closed = [](mongoc_stream_t* stream) { return mongoc_stream_check_closed(self(stream).base); };
  t.timed_out = [](mongoc_stream_t* stream) { return mongoc_stream_timed_out(self(stream).base); };
  t.should_retry = [](mongoc_stream_t* stream) { return mongoc_stream_should_retry(self(stream).base); };
  return &t;
}

}  // namespace varve::mongo
