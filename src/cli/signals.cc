#include "cli/signals.h"

#include <csignal>
#include <initializer_list>
#include <mutex>
#include <stop_token>
#include <thread>

#include <pthread.h>
#include <unistd.h>

namespace varve::cli {

namespace {

bool broken_pipes_ignored = false;  // before us

/// Who shows the status. Never destroyed: the threads of the signals live to the very end.
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

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

void await(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
}

std::stop_source& stop_source() {
  static auto& source = *new std::stop_source;
  return source;
}

}  // namespace

void on_status_signal(std::function<void()> show) {
  const std::lock_guard lock(status_teller().mutex);
  status_teller().show = std::move(show);
}

Cancel cancel_on_signals() {
  broken_pipes_ignored = std::signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  std::signal(SIGCHLD, SIG_DFL);  // where it was ignored nobody could tell how our children end
  // Blocked everywhere, taken by threads that live as long as the process: no handler runs in the middle of anything.
  // Who shows the status may have to wait, so it is not the one that stops.
  static const sigset_t stops = set_of({SIGINT, SIGTERM});
  static const sigset_t asks = set_of({SIGUSR1});
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  pthread_sigmask(SIG_BLOCK, &asks, nullptr);
  std::thread([] {
    await(stops);
    stop_source().request_stop();
    await(stops);
    _exit(130);
  }).detach();
  std::thread([] {
    for (;;) {
      await(asks);
      show_status();
    }
  }).detach();
  return Cancel(stop_source().get_token());
}

Cancel stop_by_signal() {
  return Cancel(stop_source().get_token());
}

void end_by_broken_pipe() {
  if (broken_pipes_ignored) return;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

}  // namespace varve::cli
