#include "mongo/errors.h"
#include "mongo/server.h"
#include "mongo/topology.h"

namespace varve::mongo {

namespace {

constexpr auto kUntilItKnows = std::chrono::seconds(10);

/// The members that hold the majority point back, as far as this login may see it.
std::vector<std::string> members_in_trouble(Connection& connection, const Cancel& cancel) {
  bson::Builder command;
  command.add("replSetGetStatus", int32_t{1});
  const auto reply = connection.command("admin", command.finish(), cancel);
  std::vector<std::string> lines;
  const auto members = reply ? reply->view().array("members") : std::nullopt;
  if (!members) return lines;
  auto elements = members->elements();
  while (const auto element = elements.next()) {
    const auto member = element->as_document();
    if (!member) continue;
    const auto state = member->string("stateStr").value_or("");
    if (state == "PRIMARY" || state == "SECONDARY" || state == "ARBITER") continue;
    lines.push_back(std::string(member->string("name").value_or("?")) + " is " + std::string(state));
  }
  return lines;
}

Error stands_still(Connection& connection, const Position& at, bson::Timestamp wanted, std::chrono::seconds limit,
                   const Cancel& cancel) {
  auto error = Error(ErrorKind::kUnavailable, connection.host() + ": its majority-committed point stands at " +
                                                  at.majority.text() + " and did not reach " + wanted.text() +
                                                  " within " + std::to_string(limit.count()) + " s")
                   .with_code(kStandsStill);
  for (const auto& line : members_in_trouble(connection, cancel)) error.hint(line);
  error.hint("too few data-bearing members of the set are up or keep up; see rs.status()");
  return error;
}

}  // namespace

bool is_lost(const Error& error) {
  return error.kind() == ErrorKind::kUnavailable && error.code() != kStandsStill;
}

/// A member that has just started learns the majority point from the others, so it is asked again for a while.
Result<Position> position(Connection& connection, const Cancel& cancel) {
  const auto end = std::chrono::steady_clock::now() + kUntilItKnows;
  for (;;) {
    TRY_ASSIGN(const auto answer, is_master(connection, cancel));
    const auto majority = answer.view().timestamp("lastWrite.majorityOpTime.ts");
    const auto applied = answer.view().timestamp("lastWrite.opTime.ts");
    if (majority && applied) return Position{*majority, *applied};
    if (std::chrono::steady_clock::now() >= end) {
      return fail(Error(ErrorKind::kUnavailable, connection.host() + " does not say what is majority-committed")
                      .with_code(kStandsStill)
                      .hint("a member that is delayed, or has just started, knows only once it has caught up"));
    }
    if (!cancel.sleep(std::chrono::milliseconds(100))) TRY(cancel.check());
  }
}

Status wait_for_majority(Connection& connection, bson::Timestamp at_least, std::chrono::seconds limit,
                         const Cancel& cancel) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    TRY_ASSIGN(const auto at, position(connection, cancel));
    if (at.majority >= at_least) return {};
    if (std::chrono::steady_clock::now() >= end) {
      return fail(stands_still(connection, at, at_least, limit, cancel));
    }
    if (!cancel.sleep(std::chrono::milliseconds(100))) return cancel.check();
  }
}

}  // namespace varve::mongo
