#pragma once

#include <string>
#include <vector>

namespace varve::repo::testing {

/// A restic program at work on one repository in a folder.
class Restic {
 public:
  Restic(std::string program, std::string repository, std::string password)
      : program_(std::move(program)), repository_(std::move(repository)), password_(std::move(password)) {}

  /// Those on this machine: the one on the PATH, and what VARVE_RESTIC19 names.
  static std::vector<std::string> programs();

  struct Outcome {
    int status = -1;
    std::string output;  ///< of both streams
    bool ok() const { return status == 0; }
  };
  /// Runs `restic ARGS` in `folder`; `args` are shell words.
  Outcome run(const std::string& args, const std::string& folder = "/") const;

 private:
  std::string program_, repository_, password_;
};

}  // namespace varve::repo::testing
