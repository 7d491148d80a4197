#include "repo/host.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <vector>

#include <pwd.h>
#include <unistd.h>

namespace varve::repo {

namespace {

const Time kStart = system_clock().now();

/// "<boot id>/<number of the namespace>".
std::string pid_space() {
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  std::string boot_id;
  std::getline(boot, boot_id);
  std::error_code failed;
  const auto space = std::filesystem::read_symlink("/proc/self/ns/pid", failed);
  if (failed || boot_id.empty()) return {};
  return boot_id + "/" + space.string();
}

std::string user_name(uid_t uid) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->pw_name;
}

}  // namespace

Host this_host() {
  Host host;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) host.hostname = name.data();
  host.uid = getuid();
  host.gid = getgid();
  host.username = user_name(host.uid);
  host.pid = static_cast<uint64_t>(getpid());
  host.pid_space = pid_space();
  return host;
}

bool process_is_dead(uint64_t pid) {
  if (pid == 0 || pid > INT32_MAX) return false;
  return kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

Time process_start() {
  return kStart;
}

}  // namespace varve::repo
