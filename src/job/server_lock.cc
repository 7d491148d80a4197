#include "job/server_lock.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job/lock_keeper.h"
#include "job/pipe_message.h"

extern char** environ;

namespace varve::job {

namespace {

namespace posix = storage::posix;

constexpr int kJournalOfKeeper = 3;
constexpr std::chrono::seconds kAnswerWithin(60);  // longer than the keeper tries
constexpr std::chrono::seconds kPatience(30);
constexpr std::chrono::seconds kFarewell(2);

struct Pipe {
  posix::Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error("cannot make a pipe", errno));
  // Numbers that the keeper's own three streams and its journal do not have.
  Pipe pipe{posix::Fd(::fcntl(ends[0], F_DUPFD_CLOEXEC, 10)), posix::Fd(::fcntl(ends[1], F_DUPFD_CLOEXEC, 10))};
  const int error = errno;
  ::close(ends[0]);
  ::close(ends[1]);
  if (pipe.read.get() < 0 || pipe.write.get() < 0) return fail(system_error("cannot make a pipe", error));
  return pipe;
}

/// Starts the keeper in a session of its own, so that no Ctrl-C reaches it; of our files it has only these. Signals
/// that are blocked here are blocked there.
Result<int> spawn(const std::string& program, int in, int out, int journal) {
  std::string name = "varve", word(kKeeperWord);
  char* arguments[] = {name.data(), word.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, journal, kJournalOfKeeper);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, program.c_str(), &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return fail(system_error("cannot start " + program, error));
  return child;
}

std::string random_name() {
  std::array<uint8_t, 8> raw;
  random_bytes(raw);
  return to_hex(raw);
}

bson::Document order_for(const mongo::Uri& uri, const LockRecord& record, const std::string& journal) {
  bson::Builder order;
  order.add("uri", uri.text()).add("journal", journal).add("host", record.server.host);
  order.add("process", record.server.process).add("pid", record.server.pid).add("started", record.server.started);
  return order.finish();
}

Error keeper_died() {
  return Error(ErrorKind::kUnavailable, "the process that was to hold the lock ended; nothing was saved");
}

}  // namespace

ServerLock::ServerLock(mongo::Uri uri, LockRecord record, LockJournal journal, Reporter& reporter)
    : uri_(std::move(uri)), record_(std::move(record)), journal_(std::move(journal)), reporter_(reporter) {}

Result<std::unique_ptr<ServerLock>> ServerLock::take(const LockSettings& settings, mongo::Connection& connection,
                                                     Reporter& reporter, const Cancel& cancel, const Clock& clock) {
  LockRecord record;
  record.run = random_name();
  record.holder = repo::this_host();
  record.holder_began = repo::process_start();
  record.time = clock.now();
  TRY_ASSIGN(record.server, mongo::server_run(connection, cancel));
  TRY_ASSIGN(auto journal, LockJournal::create(settings.journals, record));
  std::unique_ptr<ServerLock> lock(new ServerLock(connection.uri(), record, std::move(journal), reporter));
  if (auto started = lock->start_keeper(settings.program); !started) {
    (void)lock->journal_.remove();
    return fail(started.error());
  }
  reporter.note(fmt::format("{}: waiting for running writes to end, to lock it", record.server.host));
  TRY(lock->ask_for_lock(cancel));
  if (const auto others = lock->record_.held->others; others > 0) {
    reporter.note(fmt::format("{}: locked; {} of others are on it too, and stay", record.server.host,
                              others == 1 ? "a lock" : fmt::format("{} locks", others)));
  } else {
    reporter.note(fmt::format("{}: locked, until it was read", record.server.host));
  }
  return lock;
}

Status ServerLock::start_keeper(const std::string& program) {
  TRY_ASSIGN(auto in, make_pipe());
  TRY_ASSIGN(auto out, make_pipe());
  const posix::Fd journal(::fcntl(journal_.descriptor(), F_DUPFD_CLOEXEC, 10));
  if (journal.get() < 0) return fail(system_error("cannot hand the journal on", errno));
  TRY_ASSIGN(keeper_, spawn(program, in.read.get(), out.write.get(), journal.get()));
  to_keeper_ = std::move(in.write);
  from_keeper_ = std::move(out.read);
  return {};
}

/// The keeper takes the journal away where nothing came of it; where it is unknown whether something did, it stays.
Status ServerLock::ask_for_lock(const Cancel& cancel) {
  const auto sent = send_message(to_keeper_.get(), order_for(uri_, record_, journal_.path()));
  if (!sent) return fail(keeper_died());
  TRY_ASSIGN(const auto answer, receive_message(from_keeper_.get(), cancel));
  if (!answer) return fail(keeper_died().hint(unlock_by_hand(record_.server.host)));
  if (auto error = error_in(answer->view())) return fail(*std::move(error));
  record_.held =
      mongo::FsyncLock{answer->view().int64("others").value_or(0), answer->view().int64("operation").value_or(0)};
  return {};
}

Result<Released> ServerLock::ask_for_release() {
  bson::Builder word;
  word.add("release", true);
  if (!send_message(to_keeper_.get(), word.finish())) return release_without_keeper();
  const auto answer = receive_message(from_keeper_.get(), Cancel(), kAnswerWithin);
  if (!answer && answer.error().kind() == ErrorKind::kUnavailable) return fail(answer.error());
  if (!answer || !*answer) return release_without_keeper();
  const auto message = (*answer)->view();
  if (auto error = error_in(message)) return fail(*std::move(error));
  return Released{message.truthy("was_ours"), message.truthy("restarted"), message.truthy("locked")};
}

/// It was killed. If it had unlocked before, and others have locked since, only the journal can tell.
Result<Released> ServerLock::release_without_keeper() {
  if (::access(journal_.path().c_str(), F_OK) != 0) return Released{};
  reporter_.warning("the process that held the lock on " + record_.server.host + " was killed; unlocking without it");
  TRY_ASSIGN(const auto released, LockRelease(uri_, record_.server, *record_.held).run(kPatience, Cancel()));
  TRY(journal_.remove());
  return released;
}

ServerLock::Unlocking ServerLock::describe(const Released& released) const {
  const auto& host = record_.server.host;
  Unlocking done{.held = released.was_ours, .sentences = {}};
  auto& lines = done.sentences;
  if (released.restarted) {
    lines.push_back(host + " was restarted while it was locked, which ended the lock");
    return done;
  }
  if (!released.was_ours) lines.push_back("somebody unlocked " + host + " while it was read");
  if (released.locked) lines.push_back(host + " is locked still, by others; their locks were left alone");
  return done;
}

Result<ServerLock::Unlocking> ServerLock::release() {
  if (!record_.held) return Unlocking();
  const auto released = ask_for_release();
  record_.held.reset();
  let_keeper_go();
  if (!released) {
    return fail(Error(released.error())
                    .within("could not unlock " + record_.server.host)
                    .hint(unlock_by_hand(record_.server.host)));
  }
  return describe(*released);
}

void ServerLock::let_keeper_go() {
  if (keeper_ < 0) return;
  to_keeper_ = posix::Fd();
  const auto end = std::chrono::steady_clock::now() + kFarewell;
  while (::waitpid(keeper_, nullptr, WNOHANG) == 0 && std::chrono::steady_clock::now() < end) {
    Cancel().sleep(std::chrono::milliseconds(5));
  }
  if (::waitpid(keeper_, nullptr, WNOHANG) == 0) {
    reporter_.warning("process " + std::to_string(keeper_) + " goes on until it has unlocked " + record_.server.host);
  }
  keeper_ = -1;
}

ServerLock::~ServerLock() {
  const bool held = record_.held.has_value();
  const auto released = release();
  if (!released) {
    reporter_.warning(released.error().message());
    for (const auto& hint : released.error().hints()) reporter_.warning(hint);
  } else {
    for (const auto& sentence : released->sentences) reporter_.warning(sentence);
    if (held) reporter_.note(record_.server.host + ": unlocked");
  }
  let_keeper_go();
}

}  // namespace varve::job
