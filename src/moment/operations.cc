#include "moment/operations.h"

#include <algorithm>

namespace varve::moment {

namespace {

using bson::OplogEntry;
using bson::OplogKind;
using bson::Timestamp;

// Servers nest applyOps up to ten deep.
constexpr int kDeepest = 10;

tl::unexpected<Error> at(Timestamp ts, Error error) {
  return fail(std::move(error).within("oplog entry " + ts.text()));
}

tl::unexpected<Error> unknown(const OplogEntry& entry, Timestamp ts) {
  return at(ts, Error(ErrorKind::kUnsupported, bson::describe_unknown(entry) + " is not known to this version of varve")
                    .hint("a moment before it can be had; please report it with the server's version"));
}

tl::unexpected<Error> gap(const OplogEntry& entry, const std::string& why) {
  return at(entry.ts, Error(ErrorKind::kInconsistent, why)
                          .hint("entries before it are missing: the stream must begin at the start of the oldest "
                                "transaction that was open when the base was taken"));
}

/// Bytes that stand for the entry's session; empty if it has none.
std::string session_of(bson::View entry) {
  const auto lsid = entry.document("lsid");
  return lsid ? std::string(as_text(lsid->bytes())) : std::string();
}

/// Operations that happened to be written at once, each for itself: inserts of newer servers.
bool is_vectored(bson::View entry) {
  return entry.int64("multiOpType") == 1;
}

/// The link to the transaction's part before; zero in its first.
Timestamp previous(bson::View entry) {
  return entry.timestamp("prevOpTime.ts").value_or(Timestamp{});
}

}  // namespace

Operations::Operations(Pool& pool, std::optional<Timestamp> until, Timestamp known)
    : pool_(pool), until_(until), known_(known) {}

Status Operations::take(bson::View view, const Sink& sink) {
  auto parsed = bson::parse_oplog_entry(view);
  if (!parsed) return fail(std::move(parsed).error());
  if (parsed->ts <= last_) return {};
  last_ = parsed->ts;
  ++entries_;
  if (parsed->kind == OplogKind::kCommitTransaction || parsed->kind == OplogKind::kAbortTransaction) {
    return end(*parsed, sink);
  }
  if (is_after_moment(parsed->ts)) return {};
  return dispatch(*parsed, sink);
}

void Operations::forget_session(bson::View entry) {
  open_.erase(session_of(entry));
}

bool Operations::enough() const {
  return until_ && last_ > *until_ && undecided() == 0;
}

uint64_t Operations::undecided() const {
  return static_cast<uint64_t>(std::ranges::count_if(open_, [](const auto& open) { return open.second.prepared; }));
}

Status Operations::dispatch(const OplogEntry& entry, const Sink& sink) {
  Operation operation{.entry = entry, .effective = entry.ts};
  if (entry.kind != OplogKind::kApplyOps) return give(std::move(operation), sink);
  const bool vectored = is_vectored(entry.entry);
  if (!vectored && !session_of(entry.entry).empty()) return take_part(entry, sink);
  operation.inserts_are_new = vectored;
  return give_group(entry, std::move(operation), sink, 0);
}

// --- transactions

Status Operations::take_part(const OplogEntry& entry, const Sink& sink) {
  const std::string session = session_of(entry.entry);
  const int64_t number = entry.entry.int64("txnNumber").value_or(0);
  const bool prepare = entry.o.truthy("prepare");
  const bool whole = !prepare && !entry.o.truthy("partialTxn");
  if (whole && previous(entry.entry) == Timestamp{}) {
    TRY(give_up(entry, session));
    return give_group(entry, {.entry = entry, .effective = entry.ts}, sink, 0);
  }
  TRY_ASSIGN(Transaction* const chain, find_chain(entry, session, number));
  chain->last = entry.ts;
  chain->prepared = prepare;
  TRY(chain->parts->push({entry.entry.bytes()}));
  if (whole) return commit(session, entry.ts, sink);
  return keep_to_limit();
}

/// The transaction that this is the next part of, or a new one.
Result<Operations::Transaction*> Operations::find_chain(const OplogEntry& entry, const std::string& session,
                                                        int64_t number) {
  const Timestamp before = previous(entry.entry);
  const auto known = open_.find(session);
  if (known != open_.end() && known->second.number == number && before != Timestamp{}) {
    if (!known->second.headless && known->second.last != before) {
      return gap(entry, "a part of a transaction is missing, the one at " + before.text());
    }
    return &known->second;
  }
  TRY(give_up(entry, session));
  Transaction& begun = open_[session];
  begun = Transaction();
  begun.number = number;
  begun.headless = before != Timestamp{};
  begun.parts = std::make_unique<Queue>(pool_.spill, pool_.waiting);
  return &begun;
}

/// A session that begins another transaction has given up the one before, unless that was prepared: then it ended, and
/// a stream may leave out an end that the base knows of.
Status Operations::give_up(const OplogEntry& entry, const std::string& session) {
  const auto known = open_.find(session);
  if (known == open_.end()) return {};
  if (known->second.prepared && known->second.last > known_)
    return gap(entry, "a session begins a transaction while its last one is prepared");
  open_.erase(known);
  return {};
}

Status Operations::end(const OplogEntry& entry, const Sink& sink) {
  const std::string session = session_of(entry.entry);
  const auto known = open_.find(session);
  const bool ours = known != open_.end() && known->second.number == entry.entry.int64("txnNumber").value_or(0);
  if (entry.kind == OplogKind::kAbortTransaction) {
    if (ours) open_.erase(known);
    return {};
  }
  const Timestamp effective = entry.o.timestamp("commitTimestamp").value_or(entry.ts);
  if (is_after_moment(effective)) {
    if (ours && is_after_moment(entry.ts)) known->second.prepared = false;  // decided: not part of the moment
    return {};
  }
  if (!ours) {
    // After the moment such an end may be of a transaction that was not looked at any more.
    if (effective <= known_ || is_after_moment(entry.ts)) return {};
    return gap(entry, "the commit of a transaction of which no part was seen");
  }
  if (!known->second.prepared && known->second.last > effective)
    return gap(entry, "a transaction commits before its last part");
  return commit(session, effective, sink);
}

Status Operations::commit(const std::string& session, Timestamp effective, const Sink& sink) {
  const auto found = open_.find(session);
  Transaction transaction = std::move(found->second);
  open_.erase(found);
  if (transaction.headless) {
    if (effective <= known_) return {};
    return fail(Error(ErrorKind::kInconsistent, "a transaction that commits at " + effective.text() +
                                                    " began before the first oplog entry at hand")
                    .hint("the stream must begin at the start of the oldest transaction that was open when the base "
                          "was taken"));
  }
  while (true) {
    TRY_ASSIGN(const auto part, transaction.parts->pop());
    if (!part) return {};
    TRY_ASSIGN(const auto entry, bson::parse_oplog_entry(bson::View(*part)));
    TRY(give_group(entry, {.entry = entry, .effective = effective}, sink, 0));
  }
}

/// Brings the largest of the open transactions to the spill file until the rest fits.
Status Operations::keep_to_limit() {
  while (pool_.waiting > pool_.waiting_limit) {
    const auto largest = std::ranges::max_element(
        open_, {}, [](const auto& open) { return open.second.parts ? open.second.parts->held() : 0; });
    const uint64_t before = pool_.waiting;
    TRY(largest->second.parts->flush());
    if (pool_.waiting >= before) return pool_.spill->too_little("open transactions");
  }
  return {};
}

// --- operations

/// Each operation of an applyOps; `operation` says what they have in common.
Status Operations::give_group(const OplogEntry& group, Operation operation, const Sink& sink, int depth) {
  if (depth == kDeepest) return at(last_, Error(ErrorKind::kCorrupt, "applyOps nested too deeply"));
  auto nested = bson::nested_operations(group);
  if (!nested) return at(last_, std::move(nested).error());
  for (auto& entry : *nested) {
    entry.ts = operation.effective;
    if (entry.kind == OplogKind::kApplyOps) {
      TRY(give_group(entry, operation, sink, depth + 1));
    } else {
      operation.entry = entry;
      TRY(give(operation, sink));
    }
  }
  return {};
}

Status Operations::give(Operation operation, const Sink& sink) {
  const OplogEntry& entry = operation.entry;
  switch (entry.kind) {
    case OplogKind::kNoop:
    case OplogKind::kIgnorable:
      return {};
    case OplogKind::kUnknown:
    case OplogKind::kApplyOps:
    case OplogKind::kCommitTransaction:
    case OplogKind::kAbortTransaction:
      return unknown(entry, last_);
    default:
      operation.upsert = entry.kind == OplogKind::kUpdate && entry.entry.truthy("b");
      return sink(operation);
  }
}

}  // namespace varve::moment
