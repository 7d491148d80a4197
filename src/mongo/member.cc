#include "mongo/member.h"

#include <algorithm>

namespace varve::mongo {

namespace {

std::string seconds_text(int64_t milliseconds) {
  const int64_t tenths = (std::max<int64_t>(0, milliseconds) + 50) / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) + " s";
}

void append_hosts(bson::View is_master, std::string_view field, double priority, std::vector<Member>& members) {
  const auto hosts = is_master.array(field);
  if (!hosts) return;
  auto elements = hosts->elements();
  while (const auto element = elements.next()) {
    Member member;
    member.host = std::string(element->as_string().value_or(""));
    member.address = member.host;
    member.priority = priority;
    member.arbiter = field == "arbiters";
    members.push_back(std::move(member));
  }
}

int64_t delay_of(bson::View described) {
  const auto delay = described.int64("secondaryDelaySecs");
  return delay ? *delay : described.int64("slaveDelay").value_or(0);
}

Member configured(bson::View entry) {
  Member member;
  member.host = std::string(entry.string("host").value_or(""));
  member.address = member.host;
  member.arbiter = entry.truthy("arbiterOnly");
  member.hidden = entry.truthy("hidden");
  const auto builds = entry.find("buildIndexes");
  member.builds_indexes = !builds || builds->truthy();
  if (const auto priority = entry.find("priority")) member.priority = priority->as_double().value_or(1);
  member.delay_seconds = delay_of(entry);
  return member;
}

enum class Rank : uint8_t { kHidden, kPriorityZero, kSecondary, kPrimary };

Rank rank_of(const Member& member) {
  if (member.primary) return Rank::kPrimary;
  if (member.hidden) return Rank::kHidden;
  return member.priority == 0 ? Rank::kPriorityZero : Rank::kSecondary;
}

std::string role_name(const Member& member) {
  if (member.arbiter) return "arbiter";
  switch (rank_of(member)) {
    case Rank::kHidden:
      return "hidden secondary";
    case Rank::kPriorityZero:
      return "priority-0 secondary";
    case Rank::kSecondary:
      return "secondary";
    case Rank::kPrimary:
      return "primary";
  }
  return "";
}

std::string state_name(const Member& member) {
  if (member.arbiter) return "arbiter";
  if (!member.reached) return "unreachable";
  return member.primary ? "primary" : member.secondary ? "secondary" : "other";
}

class Chooser {
 public:
  Chooser(const std::string& set_name, const std::vector<Member>& members, const MemberOptions& options)
      : set_name_(set_name), members_(members), options_(options) {
    for (const auto& member : members_) newest_ms_ = std::max(newest_ms_, member.last_write_ms.value_or(0));
  }

  Result<MemberChoice> choose() const {
    auto choice = choose_one();
    if (!choice) return choice;
    for (size_t i = 0; i < members_.size(); ++i) {
      const auto& member = members_[i];
      KnownMember known{member.host, role_name(member), state_name(member), std::nullopt, i == choice->index, ""};
      if (member.reached && member.last_write_ms) known.lag = std::chrono::milliseconds(lag_ms(member));
      known.why = known.read ? "is read: " + choice->reason : why_not(member, members_[choice->index]);
      choice->members.push_back(std::move(known));
    }
    return choice;
  }

 private:
  Result<MemberChoice> choose_one() const {
    if (names_a_kind()) return choose_any();
    const auto& name = options_.member;
    std::vector<size_t> named;
    for (size_t i = 0; i < members_.size(); ++i) {
      if (is_named(members_[i], name)) named.push_back(i);
    }
    if (named.size() == 1) return take_named(named[0]);
    Error error(ErrorKind::kInvalidInput, named.empty() ? set_name_ + " has no member " + name
                                                        : "several members of " + set_name_ + " are called " + name);
    std::string known;
    for (const auto& member : members_) known += (known.empty() ? "" : ", ") + member.host;
    return fail(std::move(error).hint("its members are " + known));
  }

  std::string why_not(const Member& member, const Member& chosen) const {
    if (const auto reason = unreadable(member)) return *reason;
    if (const auto reason = shortcoming(member)) return *reason;
    if (options_.member != "auto" && !(names_a_kind() && wanted(member))) {
      return "is not what --member " + options_.member + " asks for";
    }
    if (rank_of(member) != rank_of(chosen)) return "could be read: a " + role_name(chosen) + " goes before";
    if (chosen.host == options_.before) return "could be read: another " + role_name(chosen) + " was read last time";
    return "could be read: another " + role_name(chosen) + " is no further behind";
  }

  /// Why it cannot be read at all.
  static std::optional<std::string> unreadable(const Member& member) {
    if (member.arbiter) return "is an arbiter and holds no data";
    if (!member.reached) return "cannot be reached: " + member.trouble;
    if (!member.primary && !member.secondary) {
      return "is neither primary nor secondary now: starting, recovering or rolling back";
    }
    return std::nullopt;
  }

  /// What a backup of it would lack.
  std::optional<std::string> shortcoming(const Member& member) const {
    if (!member.builds_indexes) return "builds no indexes (buildIndexes: false), so a backup of it lacks all but _id_";
    if (member.delay_seconds > 0) {
      return "is delayed by " + std::to_string(member.delay_seconds) + " s on purpose, so a backup of it is that old";
    }
    const auto limit = std::chrono::milliseconds(options_.max_lag).count();
    if (lag_ms(member) > limit) {
      return "is " + seconds_text(lag_ms(member)) + " behind, more than --max-lag allows (" + seconds_text(limit) + ")";
    }
    return std::nullopt;
  }

  int64_t lag_ms(const Member& member) const { return member.last_write_ms ? newest_ms_ - *member.last_write_ms : 0; }

  bool names_a_kind() const {
    const auto& name = options_.member;
    return name == "auto" || name == "hidden" || name == "secondary" || name == "primary";
  }

  bool wanted(const Member& member) const {
    if (options_.member == "hidden") return member.hidden;
    if (options_.member == "secondary") return !member.primary;
    if (options_.member == "primary") return member.primary;
    return true;
  }

  bool better(const Member& a, const Member& b) const {
    if (rank_of(a) != rank_of(b)) return rank_of(a) < rank_of(b);
    if (a.host == options_.before || b.host == options_.before) return a.host == options_.before;
    return lag_ms(a) < lag_ms(b);
  }

  Result<MemberChoice> choose_any() const {
    std::optional<size_t> best;
    std::vector<std::string> refused;
    std::vector<std::string> passed_over;
    for (size_t i = 0; i < members_.size(); ++i) {
      const auto& member = members_[i];
      if (!wanted(member)) continue;
      auto reason = unreadable(member);
      if (!reason) reason = shortcoming(member);
      if (!reason) {
        if (!best || better(member, members_[*best])) best = i;
        continue;
      }
      refused.push_back(member.host + " " + *reason);
      if (!member.arbiter) passed_over.push_back(member.host + " was passed over: it " + *reason);
    }
    if (!best) return fail(nobody(refused));
    return MemberChoice{*best, role_name(members_[*best]), reason_for(members_[*best]), std::move(passed_over), {}, {}};
  }

  Error nobody(const std::vector<std::string>& refused) const {
    const std::string what = options_.member == "auto" ? "member" : options_.member + " member";
    Error error(ErrorKind::kUnavailable, set_name_ + " has no " + what + " that can be backed up now");
    for (const auto& line : refused) error.hint(line);
    if (!refused.empty()) error.hint("--member HOST:PORT reads one of them nevertheless, where it can be read at all");
    return error;
  }

  Result<MemberChoice> take_named(size_t index) const {
    const auto& member = members_[index];
    if (const auto reason = unreadable(member)) {
      return fail(Error(ErrorKind::kUnavailable, member.host + " " + *reason)
                      .hint("name another member, or leave --member away"));
    }
    MemberChoice choice{index, role_name(member), reason_for(member) + ", named by --member", {}, {}, {}};
    if (const auto lost = shortcoming(member)) {
      (member.builds_indexes ? choice.notes : choice.lacks).push_back(member.host + " " + *lost);
    }
    return choice;
  }

  std::string reason_for(const Member& member) const {
    return role_name(member) + (member.primary ? "" : ", " + seconds_text(lag_ms(member)) + " behind");
  }

  const std::string& set_name_;
  const std::vector<Member>& members_;
  const MemberOptions& options_;
  int64_t newest_ms_ = 0;
};

}  // namespace

Result<ServerRole> role_of(const std::string& host, bson::View is_master) {
  if (is_master.string("msg") == "isdbgrid") {
    return fail(Error(ErrorKind::kUnsupported, host + " is a mongos: sharded clusters are not supported yet"));
  }
  if (is_master.find("configsvr")) {
    return fail(Error(ErrorKind::kUnsupported, host + " is a config server: sharded clusters are not supported yet"));
  }
  if (is_master.find("setName")) return ServerRole::kMember;
  if (is_master.truthy("isreplicaset")) {
    return fail(Error(ErrorKind::kUnavailable, host + " was started for a replica set that is not initiated: " +
                                                   std::string(is_master.string("info").value_or("no configuration")))
                    .hint("run rs.initiate() on it, or start it without --replSet"));
  }
  return ServerRole::kStandalone;
}

Error refuse_shard(const std::string& host, bson::View identity) {
  return Error(ErrorKind::kUnsupported, host + " belongs to the shard '" +
                                            std::string(identity.string("shardName").value_or("?")) +
                                            "': sharded clusters are not supported yet")
      .hint("a shard read by itself holds documents that belong to others, and lacks the cluster's metadata");
}

std::vector<Member> members_of(bson::View is_master, bson::View config) {
  std::vector<Member> members;
  if (const auto entries = config.array("members")) {
    auto elements = entries->elements();
    while (const auto element = elements.next()) {
      if (const auto entry = element->as_document()) members.push_back(configured(*entry));
    }
    return members;
  }
  append_hosts(is_master, "hosts", 1, members);
  append_hosts(is_master, "passives", 0, members);
  append_hosts(is_master, "arbiters", 0, members);
  return members;
}

void take_answer(bson::View is_master, Member& member) {
  member.reached = true;
  member.primary =
      !is_master.truthy("secondary") && (is_master.truthy("ismaster") || is_master.truthy("isWritablePrimary"));
  member.secondary = is_master.truthy("secondary");
  member.arbiter = member.arbiter || is_master.truthy("arbiterOnly");
  member.hidden = member.hidden || is_master.truthy("hidden");
  if (is_master.truthy("passive")) member.priority = 0;
  const auto builds = is_master.find("buildIndexes");
  if (builds && !builds->truthy()) member.builds_indexes = false;
  member.delay_seconds = std::max(member.delay_seconds, delay_of(is_master));
  if (const auto written = is_master.find("lastWrite.lastWriteDate")) member.last_write_ms = written->as_date();
}

Result<MemberChoice> choose_member(const std::string& set_name, const std::vector<Member>& members,
                                   const MemberOptions& options) {
  return Chooser(set_name, members, options).choose();
}

bool is_named(const Member& member, const std::string& name) {
  const auto host_only = [](const std::string& host) { return host.substr(0, host.rfind(':')); };
  return member.host == name || member.address == name || host_only(member.host) == name;
}

}  // namespace varve::mongo
