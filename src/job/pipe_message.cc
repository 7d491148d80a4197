#include "job/pipe_message.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace varve::job {

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr uint32_t kLargest = 1 << 20;
constexpr Milliseconds kSlice{200};

class Incoming {
 public:
  Incoming(int pipe, const Cancel& cancel, Milliseconds patience) : pipe_(pipe), cancel_(cancel) {
    if (patience != Milliseconds::max()) deadline_ = Clock::now() + patience;
  }

  /// False if the other side ended before the first byte.
  Result<bool> fill(std::span<uint8_t> out) {
    for (size_t done = 0; done < out.size();) {
      TRY(wait());
      const ssize_t got = ::read(pipe_, out.data() + done, out.size() - done);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return fail(system_error("cannot read from the other process", errno));
      if (got == 0 && done == 0) return false;
      if (got == 0) return fail(ErrorKind::kCorrupt, "the other process ended in the middle of a message");
      done += static_cast<size_t>(got);
    }
    return true;
  }

 private:
  Status wait() const {
    for (;;) {
      TRY(cancel_.check());
      pollfd waiting{pipe_, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(kSlice.count()));
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return fail(system_error("cannot wait for the other process", errno));
      if (Clock::now() > deadline_) return fail(ErrorKind::kUnavailable, "the other process did not answer in time");
    }
  }

  const int pipe_;
  const Cancel& cancel_;
  Clock::time_point deadline_ = Clock::time_point::max();
};

}  // namespace

Status send_message(int pipe, bson::View message) {
  for (ByteView rest = message.bytes(); !rest.empty();) {
    const ssize_t sent = ::write(pipe, rest.data(), rest.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail(system_error("cannot write to the other process", errno));
    rest = rest.subspan(static_cast<size_t>(sent));
  }
  return {};
}

Result<std::optional<bson::Document>> receive_message(int pipe, const Cancel& cancel, Milliseconds patience) {
  Incoming incoming(pipe, cancel, patience);
  Bytes bytes(4);
  TRY_ASSIGN(const bool there, incoming.fill(bytes));
  if (!there) return std::nullopt;
  const auto size = load_le<uint32_t>(bytes.data());
  if (size < 5 || size > kLargest) return fail(ErrorKind::kCorrupt, "the other process sent something else");
  bytes.resize(size);
  TRY_ASSIGN(const bool whole, incoming.fill(std::span(bytes).subspan(4)));
  if (!whole || bytes.back() != 0) return fail(ErrorKind::kCorrupt, "the other process sent something else");
  return std::optional(bson::Document::adopt(std::move(bytes)));
}

bson::Document error_message(const Error& error) {
  bson::Builder message;
  message.add("error", error.message()).add("kind", static_cast<int32_t>(error.kind())).add("code", error.code());
  message.open_array("hints");
  for (size_t i = 0; i < error.hints().size(); ++i) message.add(std::to_string(i), error.hints()[i]);
  return message.end().finish();
}

std::optional<Error> error_in(bson::View message) {
  const auto text = message.string("error");
  if (!text) return std::nullopt;
  const auto kind = static_cast<ErrorKind>(message.int64("kind").value_or(static_cast<int64_t>(ErrorKind::kInternal)));
  Error error = Error(kind, std::string(*text)).with_code(static_cast<int>(message.int64("code").value_or(0)));
  if (const auto hints = message.array("hints")) {
    auto elements = hints->elements();
    while (const auto hint = elements.next()) error.hint(std::string(hint->as_string().value_or("")));
  }
  return error;
}

}  // namespace varve::job
