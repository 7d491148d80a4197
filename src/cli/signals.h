#pragma once

#include <functional>

#include "base/cancel.h"

namespace varve::cli {

/// SIGINT and SIGTERM stop the Cancel that this gives; a second one ends the process at once with exit code 130.
/// SIGPIPE becomes an error of the write, and how children end is told to us. To be called once, before any thread is
/// started.
Cancel cancel_on_signals();

/// The same Cancel, for what waits where none is handed down.
Cancel stop_by_signal();

/// What SIGUSR1, which ends nothing from there on, is answered with, on a thread of its own; empty for nothing.
void on_status_signal(std::function<void()> show);

/// Ends the program as SIGPIPE would have ended it, without a word. Returns if whoever started it had that ignored.
void end_by_broken_pipe();

}  // namespace varve::cli
