#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "repo/saved_snapshots.h"

namespace varve::cli {

/// --also and its relatives: the repositories that a backup goes to besides.
struct AlsoWords {
  std::vector<std::string> places, password_files;
  std::string password_command, key_hint;
  bool no_password = false;
};
void add_also_options(Command& command, AlsoWords& words);

/// The repositories that a backup goes to, open and locked: that of -r, and those of --also in their order. One that
/// cannot be opened is left out and told of, where there are others.
class BackupPlaces {
 public:
  enum class Main : uint8_t { kSettled, kEarly };  ///< as Context::open and open_early have it

  static Result<BackupPlaces> open(Context& context, const AlsoWords& words, Access access, Main main = Main::kSettled);

  /// Those that are open.
  repo::Destinations& destinations() const { return *destinations_; }
  /// What was opened early is had from here on: whoever was found to need no snapshot may say so. One of several that
  /// is not had counts as failed.
  Status settle(std::vector<repo::SavedSnapshot>& saved) const;
  /// Lets go of all locks (OpenRepository::release). `code`: where the snapshot is in every repository.
  int release(Output& output, int code, const std::vector<repo::SavedSnapshot>& saved) const;

  // What became of each, where there are several; `saved` is of those that are open.
  void print(Output& output, const std::vector<repo::SavedSnapshot>& saved) const;
  /// `also`, and in `skipped` those that have no snapshot.
  void add_to(nlohmann::ordered_json& summary, const std::vector<repo::SavedSnapshot>& saved) const;

 private:
  struct One {
    std::string name;
    std::optional<OpenRepository> open{};
    std::optional<Error> why_not{};  ///< it is not open
  };

  Status open_all(Context& context, const std::vector<Place>& places, Access access, Main main);
  Error none_open() const;
  Status refuse_twice() const;
  void tell_of_cuts(Output& output) const;
  std::vector<repo::SavedSnapshot> all(const std::vector<repo::SavedSnapshot>& saved) const;

  std::vector<One> ones_;
  std::unique_ptr<repo::Destinations> destinations_;  // last: uses the repositories
};

}  // namespace varve::cli
