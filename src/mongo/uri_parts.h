#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace varve::mongo {

/// A connection string cut into its pieces, each as it was written (percent-encoded). Cutting is more lenient than the
/// driver's parser, so that a password can be hidden in a text that is otherwise wrong.
struct UriParts {
  std::string scheme;  ///< "mongodb://" or "mongodb+srv://"
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::string hosts;
  std::string database;  ///< without the slash
  std::vector<std::pair<std::string, std::string>> options;

  bool is_srv() const { return scheme == "mongodb+srv://"; }
  /// The value of an option, whose name has no case.
  std::optional<std::string> option(const std::string& name) const;
  void remove_option(const std::string& name);
  std::string text() const;
};

/// Nothing if it does not begin like a connection string.
std::optional<UriParts> cut_uri(const std::string& text);

std::string percent_encode(const std::string& plain);
std::string percent_decode(const std::string& encoded);

}  // namespace varve::mongo
