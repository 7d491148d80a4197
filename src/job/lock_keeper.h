#pragma once

#include <string_view>

namespace varve::job {

/// The hidden command of the program that is this process.
constexpr std::string_view kKeeperWord = "hold-lock";

/// The body of the process that holds a server's lock for a backup (ServerLock), so that whatever becomes of the
/// backup, somebody is there to unlock: over a connection of its own, taken before the lock. It is told what to do
/// through `in`, credentials included, answers through `out`, and writes into the journal `journal`, which it inherits
/// open. Once `in` ends, because it was told so or because the backup is dead, it unlocks; a dead backup's lock is told
/// of on standard error. A server that cannot be reached stays locked if only the network is to blame: after half a
/// minute that is said, and it goes on trying for a day, with nothing open that anybody may wait for. The exit code.
int keep_lock(int in, int out, int journal);

}  // namespace varve::job
