#include <chrono>

#include "mongo/errors.h"
#include "mongo/server.h"
#include "mongo/target.h"

namespace varve::mongo {

namespace {

constexpr int32_t kOneWaitMs = 10'000;
constexpr std::chrono::minutes kLimit(10);

void add_durable_write_concern(bson::Builder& command, bool replica_set) {
  command.open("writeConcern");
  if (replica_set) {
    command.add("w", "majority").add("j", true).add("wtimeout", kOneWaitMs);
  } else {
    command.add("w", int32_t{1}).add("j", true);
  }
  command.end();
}

/// A write of ours that follows all others: a note in the oplog, or, without the right to write one and on a
/// standalone, a collection that is made and dropped.
Status write_last(Connection& connection, bool replica_set, const Cancel& cancel) {
  if (replica_set) {
    bson::Builder note;
    note.add("appendOplogNote", int32_t{1}).open("data").add("varve", "restored").end();
    add_durable_write_concern(note, true);
    const auto noted = connection.command("admin", note.finish(), cancel);
    if (noted || noted.error().kind() != ErrorKind::kDenied) return noted ? Status{} : fail(noted.error());
  }
  const bson::Namespace ns{"varve_restore", "barrier"};
  auto created = create_collection(connection, ns, {}, {}, cancel);
  if (!created && created.error().code() != code::kNamespaceExists) return created;
  bson::Builder drop;
  drop.add("drop", ns.collection);
  add_durable_write_concern(drop, replica_set);
  const auto dropped = connection.command(ns.db, drop.finish(), cancel);
  return dropped ? Status{} : fail(dropped.error());
}

}  // namespace

Status check_same_primary(Connection& connection, const TargetInfo& target, const Cancel& cancel) {
  TRY_ASSIGN(const auto answer, is_master(connection, cancel));
  const auto election = answer.view().find("electionId");
  if (!election || target.election_id.empty() || to_hex(election->value()) == target.election_id) return {};
  return fail(ErrorKind::kInconsistent, "the target elected a primary while it was written to, now " +
                                            connection.host() + ", so some of what was written may be lost");
}

Status barrier(Connection& connection, const TargetInfo& target, const Cancel& cancel) {
  const auto end = std::chrono::steady_clock::now() + kLimit;
  if (target.replica_set) TRY(check_same_primary(connection, target, cancel));
  for (;;) {
    const auto status = write_last(connection, target.replica_set, cancel);
    if (status) break;
    const bool waiting = status.error().code() == code::kWriteConcernFailed;
    if (!waiting) return fail(Error(status.error()).within("confirming what was written"));
    if (std::chrono::steady_clock::now() >= end) {
      return fail(Error(ErrorKind::kUnavailable, connection.host() + ": a majority of its set did not confirm what was "
                                                                     "written within 10 minutes")
                      .hint("all is written on the primary; see rs.status() for members that are down or far behind"));
    }
  }
  return target.replica_set ? check_same_primary(connection, target, cancel) : Status{};
}

}  // namespace varve::mongo
