#include "cli/signals.h"

#include <csignal>
#include <thread>

#include <pthread.h>
#include <unistd.h>

namespace varve::cli {

namespace {

bool broken_pipes_ignored = false;  // before us

}  // namespace

Cancel cancel_on_signals() {
  static std::stop_source source;
  broken_pipes_ignored = std::signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  std::signal(SIGCHLD, SIG_DFL);  // where it was ignored nobody could tell how our children end
  static sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  // Blocked everywhere, taken by one thread that lives as long as the process: no handler runs in the middle of
  // anything.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([] {
    int signal = 0;
    sigwait(&signals, &signal);
    source.request_stop();
    sigwait(&signals, &signal);
    _exit(130);
  }).detach();
  return Cancel(source.get_token());
}

void end_by_broken_pipe() {
  if (broken_pipes_ignored) return;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

}  // namespace varve::cli
