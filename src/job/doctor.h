#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bson/namespace.h"
#include "mongo/oplog.h"
#include "mongo/topology.h"
#include "mongo/uri.h"

namespace varve::job {

struct DoctorOptions {
  mongo::Uri uri;
  mongo::MemberOptions member;
  bson::NamespaceFilter filter;
  bool lock = false;     ///< for a backup with --lock
  std::string journals;  ///< the folder of LockSettings
};

/// One thing that was looked at.
struct Checked {
  enum class State : uint8_t { kGood, kWarning, kBad };
  std::string about;  ///< "login", "oplog"
  State state = State::kGood;
  std::string sentence;
  std::vector<std::string> hints;
};

struct DoctorResult {
  std::vector<Checked> checks;  ///< in the order in which a backup would come to them
  std::optional<mongo::Source> source;
  uint64_t collections = 0, documents = 0, bytes = 0;  ///< that would be read; the last two are the server's estimates
  std::chrono::seconds oplog_span{0};                  ///< from its oldest to its newest entry; 0 where there is none
  std::chrono::milliseconds expected{0};               ///< of reading them all, from a sample

  Checked::State worst() const;
};

/// Whether the oplog holds as many backups as it should: three that take `expected`.
Checked judge_oplog(const mongo::OplogExtent& extent, std::chrono::milliseconds expected);

/// Makes every check that a backup makes first, and no backup: which member would be read and why, the login's rights,
/// the majority point, the oplog's span beside the time that reading would take, the clocks. What stands in the way of
/// a backup is a check of the result; only a stop is an error. Reads up to 64 MiB of the largest collection.
Result<DoctorResult> examine(const DoctorOptions& options, const Clock& clock, const Cancel& cancel);

}  // namespace varve::job
