#include "files/command.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace varve::files {

namespace {

using namespace std::chrono_literals;
using storage::posix::Fd;

constexpr auto kGrace = 2s;
constexpr auto kLook = 5ms;

/// How the child begins: our pipe as its output, no input, and signals as if we had never touched ours.
class SpawnSetup {
 public:
  explicit SpawnSetup(int output) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t ours;
    sigemptyset(&none);
    sigemptyset(&ours);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGCHLD}) sigaddset(&ours, signal);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &ours);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  int spawn(const std::vector<std::string>& words, pid_t* pid) const {
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    return posix_spawnp(pid, arguments[0], &files_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

/// What the child left behind, an error if that cannot be known; nothing while it runs.
std::optional<Result<int>> ended(pid_t pid) {
  int status = 0;
  pid_t got = 0;
  do got = waitpid(pid, &status, WNOHANG);
  while (got < 0 && errno == EINTR);
  if (got == 0) return std::nullopt;
  if (got < 0) return fail(system_error("nobody can tell how it ended", errno));
  return status;
}

/// How it failed; empty if it did not.
std::string failure_in(const Result<int>& status) {
  if (!status) return "may have failed: " + status.error().message();
  if (WIFSIGNALED(*status)) {
    return fmt::format("was ended by signal {} ({})", WTERMSIG(*status), strsignal(WTERMSIG(*status)));
  }
  return *status == 0 ? "" : fmt::format("failed with status {}", WEXITSTATUS(*status));
}

Status judge(const std::string& name, const Result<int>& status) {
  const auto how = failure_in(status);
  if (how.empty()) return {};
  return fail(Error(ErrorKind::kInconsistent, fmt::format("the command {} {}", name, how))
                  .hint("no snapshot was made, since its output may not be whole"));
}

}  // namespace

Result<size_t> read_stream(int fd, std::span<uint8_t> into, const Cancel& cancel) {
  const Fd wake(eventfd(0, EFD_CLOEXEC));
  if (wake.get() < 0) return fail(system_error("cannot wait for input", errno));
  const std::stop_callback on_stop(cancel.token(), [&] { (void)eventfd_write(wake.get(), 1); });
  while (true) {
    TRY(cancel.check());
    pollfd waited[] = {{fd, POLLIN, 0}, {wake.get(), POLLIN, 0}};
    if (poll(waited, 2, -1) < 0 && errno != EINTR) return fail(system_error("cannot wait for input", errno));
    if (waited[0].revents == 0) continue;
    const ssize_t got = read(fd, into.data(), into.size());
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR && errno != EAGAIN) return fail(system_error("cannot read the input", errno));
  }
}

Result<Command> Command::start(const std::vector<std::string>& words) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(system_error("cannot make a pipe", errno));
  Fd output(ends[0]);
  const Fd input(ends[1]);
  pid_t pid = 0;
  if (const int error = SpawnSetup(input.get()).spawn(words, &pid); error != 0) {
    return fail(system_error("cannot run " + words[0], error));
  }
  return Command(words[0], pid, std::move(output));
}

Command::Command(Command&& other) noexcept
    : name_(std::move(other.name_)), pid_(std::exchange(other.pid_, 0)), output_(std::move(other.output_)) {}

Command::~Command() {
  if (pid_ == 0) return;
  output_ = Fd();  // whoever still writes is told
  kill(pid_, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + kGrace;
  while (std::chrono::steady_clock::now() < until) {
    if (ended(pid_)) return;
    std::this_thread::sleep_for(kLook);
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Status Command::finish(const Cancel& cancel) {
  auto status = ended(pid_);
  for (; !status; status = ended(pid_)) {
    if (!cancel.sleep(kLook)) return cancel.check();
  }
  pid_ = 0;
  return judge(name_, *status);
}

}  // namespace varve::files
