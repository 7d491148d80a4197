#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace varve::repo {

/// Who is at work, as keys and locks record it.
struct Host {
  std::string hostname, username;
  uint32_t uid = 0, gid = 0;
  uint64_t pid = 0;
  /// In which the pid counts: this boot of the machine and the namespace of its processes. Two containers may share a
  /// host name and see nothing of each other's processes. Empty where the system does not tell.
  std::string pid_space{};
};

Host this_host();

/// True if no process of this number runs on this host. A process that may not be signalled runs.
bool process_is_dead(uint64_t pid);
/// When this process began, by the machine's clock: tells our own locks from those of a dead namesake, which is common
/// in containers, where every process is number 1.
Time process_start();

}  // namespace varve::repo
