#include "net/child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace varve::net {

namespace {

using namespace std::chrono_literals;

constexpr size_t kKept = 2048;
constexpr int kLook = 20;  // milliseconds; how often it is seen whether it has ended, where the kernel does not tell
constexpr auto kFarewell = 500ms;  // after its input has ended
constexpr auto kGrace = 2s;

bool is_secret(std::string_view variable) {
  return variable.starts_with("RESTIC_") || variable.starts_with("VARVE_");
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const auto& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

/// Of what comes back when others have ended.
bool is_shortage(int error) {
  return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

std::string how(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("was ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace

/// All that is needed between fork and exec, where nothing may be allocated.
struct Child::Image {
  std::vector<std::string> words, variables;
  std::vector<char*> arguments, environment;
  bool converses;
  pid_t parent = ::getpid();

  explicit Image(const ChildSetup& setup) : words(setup.words), converses(setup.converses) {
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (!is_secret(*variable)) variables.emplace_back(*variable);
    }
    for (const auto& [name, value] : setup.environment) {
      const std::string beginning = name + '=';
      std::erase_if(variables, [&](const std::string& other) { return other.starts_with(beginning); });
      variables.push_back(beginning + value);
    }
    arguments = pointers(words);
    environment = pointers(variables);
  }

  /// In the new process. Gives only if it fails, errno.
  int run(int channel, int complaints) const {
    if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || ::getppid() != parent) return ESRCH;
    if (!converses) (void)::setpgid(0, 0);
    for (const int number : {SIGPIPE, SIGTERM, SIGCHLD, SIGHUP}) (void)::signal(number, SIG_DFL);
    (void)::signal(SIGINT, converses ? SIG_IGN : SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(channel, STDIN_FILENO) < 0 || ::dup2(channel, STDOUT_FILENO) < 0) return errno;
    if (::dup2(complaints, STDERR_FILENO) < 0) return errno;
    ::execvpe(arguments[0], arguments.data(), environment.data());
    return errno;
  }
};

Child::Child(Fd channel, Fd complaints, bool converses)
    : channel_(std::move(channel)), complaints_fd_(std::move(complaints)), converses_(converses) {}

Result<std::unique_ptr<Child>> Child::start(const ChildSetup& setup) {
  int channel[2], complaints[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) {
    return fail(system_error("cannot make a pair of sockets", errno));
  }
  Fd ours(channel[0]), theirs(channel[1]);
  if (::pipe2(complaints, O_CLOEXEC) != 0) return fail(system_error("cannot make a pipe", errno));
  Fd read_end(complaints[0]), write_end(complaints[1]);
  // Only our ends: programs need not know what to do with one that does not block.
  (void)::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  (void)::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  std::unique_ptr<Child> child(new Child(std::move(ours), std::move(read_end), setup.converses));
  auto* self = child.get();
  self->keeper_ = std::jthread(
      [self, image = Image(setup), theirs = std::move(theirs), write_end = std::move(write_end)]() mutable {
        // The pointers are to strings that moving a vector leaves where they are.
        self->keep(image, std::move(theirs), std::move(write_end));
      });
  std::unique_lock lock(self->mutex_);
  self->changed_.wait(lock, [&] { return self->start_error_.has_value(); });
  const int error = *self->start_error_;
  if (error == 0) return child;
  auto why = system_error("cannot run " + setup.words[0], error);
  return fail(Error(is_shortage(error) ? ErrorKind::kUnavailable : ErrorKind::kInvalidInput, why.message()));
}

namespace {

/// fork and exec; errno if the program cannot be run.
template <typename Run>
int spawn(const Run& run, pid_t* pid) {
  int ends[2];  // closed by exec, or says why there was none
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
  const Fd told(ends[0]);
  Fd tell(ends[1]);
  *pid = ::fork();
  if (*pid < 0) return errno;
  if (*pid == 0) {
    const int error = run();
    (void)!::write(tell.get(), &error, sizeof error);
    ::_exit(127);
  }
  tell = Fd();
  int error = 0;
  if (::read(told.get(), &error, sizeof error) != sizeof error) return 0;
  ::waitpid(*pid, nullptr, 0);
  return error;
}

}  // namespace

void Child::keep(const Image& image, Fd theirs, Fd their_complaints) {
  pid_t pid = 0;
  const int error = spawn([&] { return image.run(theirs.get(), their_complaints.get()); }, &pid);
  theirs = Fd();
  their_complaints = Fd();
  {
    std::lock_guard lock(mutex_);
    pid_ = pid;
    start_error_ = error;
    changed_.notify_all();
  }
  if (error == 0) watch();
}

void Child::watch() {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd waited[] = {{complaints_fd_.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
  while (true) {
    ::poll(waited, 2, process.get() < 0 ? kLook : -1);
    // Looked at first: all that it has written by its end can be read then.
    siginfo_t end{};
    const bool ended =
        ::waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid != 0;
    std::array<char, 1024> text;
    for (ssize_t got; (got = ::read(complaints_fd_.get(), text.data(), text.size())) > 0;) {
      note({text.data(), static_cast<size_t>(got)});
      if (got < static_cast<ssize_t>(text.size())) break;
    }
    if ((waited[0].revents & (POLLIN | POLLHUP)) == POLLHUP) waited[0].fd = -1;
    if (!ended) continue;
    std::lock_guard lock(mutex_);
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == 0) continue;
    status_ = status;
    changed_.notify_all();
    return;
  }
}

void Child::note(std::string_view text) {
  std::lock_guard lock(mutex_);
  complaints_ += text;
  if (complaints_.size() > kKept) complaints_.erase(0, complaints_.size() - kKept);
  changed_.notify_all();
}

std::string Child::complaints() const {
  std::string out;
  std::lock_guard lock(mutex_);
  for (const char c : complaints_) {
    if (c == '\n' && !out.empty() && !out.ends_with("; ")) out += "; ";
    if (static_cast<unsigned char>(c) >= ' ' && c != '\x7f') out += c;
  }
  while (out.ends_with(' ') || out.ends_with(';') || out.ends_with('.')) out.pop_back();
  return out;
}

void Child::forget_complaints() {
  std::lock_guard lock(mutex_);
  complaints_.clear();
}

bool Child::wait_for(const std::string& words, std::chrono::nanoseconds time, const Cancel& cancel) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, cancel.token(), time,
                           [&] { return status_ || complaints_.find(words) != std::string::npos; });
}

std::optional<std::string> Child::end() const {
  std::lock_guard lock(mutex_);
  return status_ ? std::optional(how(*status_)) : std::nullopt;
}

void Child::wait_for_end(std::chrono::nanoseconds time) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [&] { return status_.has_value(); });
}

/// Under the lock, so that the number is not yet another process's. With what it started, unless it is of our own
/// group.
void Child::signal(int number) {
  std::lock_guard lock(mutex_);
  if (pid_ > 0 && !status_) ::kill(converses_ ? pid_ : -pid_, number);
}

Child::~Child() {
  if (start_error_ != 0) return;
  ::shutdown(channel_.get(), SHUT_RDWR);
  if (converses_) wait_for_end(kFarewell);
  signal(SIGTERM);
  wait_for_end(kGrace);
  signal(SIGKILL);
}

}  // namespace varve::net
