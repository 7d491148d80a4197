#include "job/lock_keeper.h"

#include <csignal>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "job/lock_journal.h"
#include "job/lock_release.h"
#include "job/pipe_message.h"

namespace varve::job {

namespace {

constexpr std::chrono::seconds kPatience(30);
constexpr std::chrono::hours kPatienceAlone(24);  // by then somebody has looked after a server that takes no writes

/// What the backup told it to do.
struct Order {
  mongo::Uri uri;
  mongo::ServerRun server;
  std::string journal;
};

Result<Order> read_order(int in) {
  TRY_ASSIGN(const auto message, receive_message(in, Cancel()));
  const auto uri = message ? message->view().string("uri") : std::nullopt;
  if (!uri) return fail(ErrorKind::kInvalidInput, "this command is varve's own, for --lock");
  Order order;
  TRY_ASSIGN(order.uri, mongo::Uri::parse(std::string(*uri)));
  order.journal = std::string(message->view().string("journal").value_or(""));
  order.server.host = std::string(message->view().string("host").value_or(""));
  order.server.process = std::string(message->view().string("process").value_or(""));
  order.server.pid = message->view().int64("pid").value_or(0);
  order.server.started = message->view().int64("started").value_or(0);
  return order;
}

bson::Document message_of(const mongo::FsyncLock& lock) {
  bson::Builder message;
  message.add("others", lock.others).add("operation", lock.operation);
  return message.finish();
}

bson::Document message_of(const Released& released) {
  bson::Builder message;
  message.add("was_ours", released.was_ours).add("restarted", released.restarted).add("locked", released.locked);
  return message.finish();
}

class Keeper {
 public:
  Keeper(Order order, int in, int out, int journal)
      : order_(std::move(order)), in_(in), out_(out), journal_(storage::posix::Fd(journal), order_.journal) {}

  Status run() {
    const auto taken = take();
    if (!taken) return lock_ ? give_back(taken.error()) : give_up(taken.error());
    (void)send_message(out_, message_of(*lock_));  // if the backup is dead, the next line hears it
    const auto word = receive_message(in_, Cancel());
    const auto released = release_within(kPatience);
    const bool asked = word && *word;
    // Who asked may have died since.
    if (!asked || !send_message(out_, released ? message_of(*released) : error_message(released.error()))) {
      tell_of_the_dead(released);
    }
    return go_on_after(released);
  }

 private:
  /// The server's own refusal means that there is no lock; a connection that broke leaves that open.
  Status give_up(Error error) const {
    const bool unsure = asked_ && error.code() == 0;
    if (unsure) error.hint(unlock_by_hand(order_.server.host));
    if (!unsure) (void)journal_.remove();
    if (!send_message(out_, error_message(error))) return fail(std::move(error));
    return {};
  }

  /// There is a lock, and no journal would tell of it: the backup must not begin.
  Status give_back(Error error) {
    const auto released = release_within(kPatience);
    if (!released)
      error.hint("nor could it be unlocked: " + released.error().message()).hint(unlock_by_hand(order_.server.host));
    if (!send_message(out_, error_message(error))) tell_of_the_dead(released);
    return go_on_after(released);
  }

  /// A server that did not answer may do so later.
  Status go_on_after(const Result<Released>& released) {
    if (!may_come_yet(released)) return {};
    let_go_of_streams();
    return Status(release_within(kPatienceAlone).map([](const Released&) {}));
  }

  static bool may_come_yet(const Result<Released>& released) {
    return !released && released.error().kind() == ErrorKind::kUnavailable;
  }

  Status take() {
    const Cancel never;
    TRY_ASSIGN(connection_, mongo::Connection::open(order_.uri, never));
    TRY_ASSIGN(const auto now, mongo::server_run(*connection_, never));
    if (!now.same_as(order_.server)) {
      return fail(ErrorKind::kUnavailable, order_.server.host + " was restarted just now; nothing was saved");
    }
    asked_ = true;
    TRY_ASSIGN(lock_, mongo::take_fsync_lock(*connection_, never));
    return journal_.add_held(*lock_);
  }

  Result<Released> release_within(std::chrono::seconds patience) {
    LockRelease release(order_.uri, order_.server, *lock_, std::exchange(connection_, std::nullopt));
    TRY_ASSIGN(const auto released, release.run(patience, Cancel()));
    TRY(journal_.remove());
    return released;
  }

  void tell_of_the_dead(const Result<Released>& released) const {
    const auto& host = order_.server.host;
    const auto what = released ? host + " is no longer locked by it" : released.error().message();
    std::fprintf(stderr, "varve: the backup ended before its lock did; %s\n", what.c_str());
    if (may_come_yet(released))
      std::fprintf(stderr, "  process %d goes on until it has unlocked %s\n", ::getpid(), host.c_str());
    if (!released) std::fprintf(stderr, "  %s\n", unlock_by_hand(host).c_str());
  }

  /// Whoever started the backup may wait for the end of what it prints.
  static void let_go_of_streams() {
    const storage::posix::Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing.get(), stream);
  }

  const Order order_;
  const int in_, out_;
  LockJournal journal_;
  std::optional<mongo::Connection> connection_;
  std::optional<mongo::FsyncLock> lock_;
  bool asked_ = false;
};

}  // namespace

int keep_lock(int in, int out, int journal) {
  for (const int signal : {SIGPIPE, SIGHUP, SIGINT, SIGTERM}) std::signal(signal, SIG_IGN);
  auto order = read_order(in);
  const auto done = order ? Keeper(std::move(*order), in, out, journal).run() : Status(fail(order.error()));
  if (done) return 0;
  std::fprintf(stderr, "varve: %s\n", done.error().message().c_str());
  for (const auto& hint : done.error().hints()) std::fprintf(stderr, "  %s\n", hint.c_str());
  return 1;
}

}  // namespace varve::job
