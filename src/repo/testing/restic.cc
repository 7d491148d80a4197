#include "repo/testing/restic.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <sys/wait.h>

namespace varve::repo::testing {

namespace {

std::string on_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "/usr/bin";
  while (!rest.empty()) {
    const std::string folder = rest.substr(0, rest.find(':'));
    rest.erase(0, folder.size() + 1);
    std::error_code ignored;
    if (std::filesystem::exists(folder + "/" + name, ignored)) return folder + "/" + name;
  }
  return {};
}

}  // namespace

std::vector<std::string> Restic::programs() {
  std::vector<std::string> found;
  if (auto program = on_path("restic"); !program.empty()) found.push_back(std::move(program));
  if (const char* newer = std::getenv("VARVE_RESTIC19"); newer != nullptr && *newer != '\0') found.emplace_back(newer);
  return found;
}

Restic::Outcome Restic::run(const std::string& args, const std::string& folder) const {
  const std::string command = "cd '" + folder + "' && TZ=UTC RESTIC_REPOSITORY='" + repository_ +
                              "' RESTIC_PASSWORD='" + password_ + "' RESTIC_PROGRESS_FPS=0.01 '" + program_ +
                              "' --no-cache " + args + " 2>&1";
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> buffer{};
  for (size_t got; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) outcome.output.append(buffer.data(), got);
  const int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

}  // namespace varve::repo::testing
