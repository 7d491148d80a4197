#include "job/read_member.h"

#include <chrono>

#include <fmt/format.h>

namespace varve::job {

namespace {

// An election takes some ten seconds where nothing is set otherwise, and so does a restart.
constexpr std::chrono::seconds kPatience(30);
constexpr std::chrono::milliseconds kBetweenAttempts(500);
constexpr uint64_t kMostReplacements = 20;

}  // namespace

ReadMember::ReadMember(mongo::Source source, const mongo::Uri& uri, mongo::MemberOptions options, Reporter& reporter)
    : options_(std::move(options)),
      reporter_(reporter),
      uri_(uri.with_more_seeds(source.reached)),
      source_(std::move(source)) {}

ReadMember::Place ReadMember::place() const {
  std::lock_guard lock(mutex_);
  return {source_.uri, turn_};
}

void ReadMember::prove_by(Proof proof) {
  std::lock_guard lock(mutex_);
  proof_ = std::move(proof);
}

Status ReadMember::replace(uint64_t turn, const Error& trouble, const Cancel& cancel) {
  std::lock_guard lock(mutex_);
  if (turn != turn_) return {};
  if (source_.kind == mongo::Kind::kStandalone || turn_ >= kMostReplacements) return fail(trouble);
  const auto lost = source_.member;
  reporter_.note(trouble.message() + "; looking for a member to go on from");
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    auto status = choose(cancel);
    if (status) break;
    if (is_stop(status.error())) return status;
    const bool may_pass = status.error().kind() == ErrorKind::kUnavailable;
    if (!may_pass || std::chrono::steady_clock::now() >= end) {
      Error error = trouble;
      error.hint("no member could take its place: " + status.error().message());
      for (const auto& hint : status.error().hints()) error.hint(hint);
      return fail(std::move(error));
    }
    if (!cancel.sleep(kBetweenAttempts)) return cancel.check();
  }
  ++turn_;
  replacements_.push_back(fmt::format("{} was lost while it was read ({}); reading went on from {} ({})", lost,
                                      trouble.message(), source_.member, source_.role));
  reporter_.note("reading goes on from " + source_.member + " (" + source_.reason + ")");
  return {};
}

Status ReadMember::choose(const Cancel& cancel) {
  TRY_ASSIGN(auto next, mongo::choose_source(uri_.with_last_seed(source_.address), options_, cancel));
  TRY(check_same_set(next));
  if (proof_) {
    TRY_ASSIGN(auto connection, mongo::Connection::open(next.uri, cancel));
    TRY(proof_(connection, cancel));
  }
  source_ = std::move(next);
  uri_ = uri_.with_more_seeds(source_.reached);
  return {};
}

Status ReadMember::check_same_set(const mongo::Source& next) const {
  const bool same_id = next.set_id.empty() || source_.set_id.empty() || next.set_id == source_.set_id;
  if (next.set_name != source_.set_name || !same_id) {
    return fail(ErrorKind::kInconsistent, next.member + " belongs to another replica set");
  }
  if (next.fcv == source_.fcv) return {};
  if (next.fcv.empty()) return fail(ErrorKind::kUnavailable, next.member + " does not tell what it is compatible with");
  return fail(Error(ErrorKind::kInconsistent, fmt::format("{}: the feature compatibility version was {} and is {}",
                                                          next.member, source_.fcv, next.fcv))
                  .hint("run the backup again"));
}

std::vector<std::string> ReadMember::replacements() const {
  std::lock_guard lock(mutex_);
  return replacements_;
}

Result<MemberConnection> MemberConnection::open(ReadMember& member, const Cancel& cancel) {
  MemberConnection connection(member);
  TRY(connection.connect(cancel));
  return connection;
}

Status MemberConnection::connect(const Cancel& cancel) {
  for (;;) {
    const auto place = member_->place();
    turn_ = place.turn;
    connection_.reset();
    auto opened = mongo::Connection::open(place.uri, cancel);
    if (opened) {
      connection_.emplace(std::move(*opened));
      return {};
    }
    if (!mongo::is_lost(opened.error())) return fail(std::move(opened).error());
    TRY(member_->replace(turn_, opened.error(), cancel));
  }
}

Status MemberConnection::go_on(const Error& trouble, const Cancel& cancel) {
  if (!mongo::is_lost(trouble)) return fail(trouble);
  TRY(member_->replace(turn_, trouble, cancel));
  return connect(cancel);
}

bool MemberConnection::is_behind() const {
  return member_->place().turn != turn_;
}

Status MemberConnection::keep_up(const Cancel& cancel) {
  return is_behind() ? connect(cancel) : Status();
}

Status MemberConnection::run(const std::function<Status(mongo::Connection&)>& step, const Cancel& cancel) {
  for (;;) {
    TRY(keep_up(cancel));
    auto status = step(*connection_);
    if (status) return status;
    TRY(go_on(status.error(), cancel));
  }
}

}  // namespace varve::job
