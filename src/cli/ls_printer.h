#pragma once

#include <memory>
#include <string>

#include "cli/output.h"
#include "repo/snapshot.h"
#include "repo/tree.h"

namespace varve::cli {

/// How `ls` shows what it meets.
class LsPrinter {
 public:
  virtual ~LsPrinter() = default;
  virtual void begin(const repo::Snapshot& snapshot) = 0;
  virtual void node(const std::string& path, const repo::Node& node) = 0;
  /// A folder on the way to one that is listed: matters only where folders nest.
  virtual void passed(const std::string&, const repo::Node&) {}
  virtual void leave() {}
  virtual void end() {}
};

struct LsStyle {
  bool details = false, human = false, ncdu = false, reverse = false, quiet = false;
  std::string sort = "name";  ///< name, size, time, mtime, atime, ctime, extension
  std::string filter;         ///< what is listed, for the head line
};
/// Text, JSON or ncdu's export format, sorted if that was asked for. kInvalidInput if the style contradicts itself.
Result<std::unique_ptr<LsPrinter>> make_ls_printer(Output& output, const LsStyle& style);

}  // namespace varve::cli
