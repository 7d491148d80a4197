#include "cli/signals.h"

#include <csignal>
#include <mutex>
#include <thread>

#include <pthread.h>
#include <unistd.h>

namespace varve::cli {

namespace {

bool broken_pipes_ignored = false;  // before us

/// Who shows the status. Never destroyed: the thread of the signals lives to the very end.
struct StatusTeller {
  std::mutex mutex;
  std::function<void()> show;
};
StatusTeller& status_teller() {
  static auto& teller = *new StatusTeller;
  return teller;
}

void show_status() {
  const std::lock_guard lock(status_teller().mutex);
  if (status_teller().show) status_teller().show();
}

/// The next signal that is to end the program; what asks for the status is answered meanwhile.
void await_stop(const sigset_t& signals) {
  for (int signal = SIGUSR1; signal == SIGUSR1;) {
    sigwait(&signals, &signal);
    if (signal == SIGUSR1) show_status();
  }
}

}  // namespace

void on_status_signal(std::function<void()> show) {
  const std::lock_guard lock(status_teller().mutex);
  status_teller().show = std::move(show);
}

Cancel cancel_on_signals() {
  static std::stop_source source;
  broken_pipes_ignored = std::signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  std::signal(SIGCHLD, SIG_DFL);  // where it was ignored nobody could tell how our children end
  static sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  // Blocked everywhere, taken by one thread that lives as long as the process: no handler runs in the middle of
  // anything.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([] {
    await_stop(signals);
    source.request_stop();
    await_stop(signals);
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
