#include "mongo/topology.h"

#include <algorithm>
#include <map>
#include <optional>

#include "mongo/batch.h"
#include "mongo/errors.h"
#include "mongo/member.h"
#include "mongo/server.h"

namespace varve::mongo {

namespace {

constexpr std::chrono::seconds kSeedTimeout(10);
constexpr std::chrono::seconds kMemberTimeout(5);

class SourceFinder {
 public:
  SourceFinder(Uri uri, MemberOptions options, const Cancel& cancel)
      : uri_(std::move(uri)), options_(std::move(options)), cancel_(cancel) {}

  Result<Source> find() {
    TRY_ASSIGN(uri_, uri_.resolved());
    TRY(reach_a_seed());
    TRY_ASSIGN(const auto role, role_of(seed_, answer_));
    TRY_ASSIGN(const auto version, server_version(*connection_, cancel_));
    source_.product = version.product;
    if (role == ServerRole::kStandalone) return describe_standalone();
    TRY(check_set_name(seed_, answer_));
    if (!source_.product.empty()) return describe_standalone();
    source_.kind = Kind::kReplicaSet;
    source_.set_name = std::string(answer_.view().string("setName").value_or(""));
    learn_configuration();
    TRY(reach_members());
    TRY_ASSIGN(const auto choice, choose_member(source_.set_name, members_, options_));
    return describe_member(choice);
  }

 private:
  /// Seeds are tried in turn; only a refused login ends that, since it would be refused by all.
  Status reach_a_seed() {
    const auto seeds = uri_.seeds();
    std::vector<Error> errors;
    for (const auto& seed : seeds) {
      auto connection = Connection::open(uri_.direct_to(seed), cancel_, kSeedTimeout);
      if (connection) {
        seed_ = seed;
        TRY_ASSIGN(answer_, is_master(*connection, cancel_));
        connection_ = std::move(*connection);
        if (uri_.is_direct() && options_.member == "auto") named_by_uri_ = true;
        return {};
      }
      if (connection.error().kind() != ErrorKind::kUnavailable) return fail(std::move(connection).error());
      errors.push_back(std::move(connection).error());
    }
    if (errors.size() == 1) return fail(std::move(errors[0]));
    Error error(ErrorKind::kUnavailable,
                "none of the " + std::to_string(seeds.size()) + " servers in " + uri_.masked() + " can be reached");
    for (const auto& one : errors) error.hint(one.message());
    return fail(std::move(error));
  }

  Status check_set_name(const std::string& host, bson::View answer) const {
    const auto wanted = uri_.replica_set();
    const auto is = answer.string("setName").value_or("");
    if (wanted.empty() || wanted == is) return {};
    return fail(Error(ErrorKind::kInvalidInput, host + " belongs to the replica set '" + std::string(is) +
                                                    "', not to '" + wanted + "' as the connection string says")
                    .hint("correct replicaSet= in the connection string, or its hosts"));
  }

  /// The configuration tells of hidden members. Without the right to ask for it the member's own copy may be readable.
  void learn_configuration() {
    if (const auto reply = ask("admin", "replSetGetConfig")) {
      if (const auto config = reply->view().document("config")) config_ = bson::Document(config->bytes());
    }
    if (config_.view().empty()) config_ = stored_configuration(*connection_, cancel_);
    if (const auto id = config_.view().find("settings.replicaSetId")) source_.set_id = to_hex(id->value());
    if (config_.view().empty()) {
      source_.notes.emplace_back(
          "hidden members could not be seen: the login lacks the role clusterMonitor, so only visible ones were "
          "considered");
    }
  }

  Status reach_members() {
    members_ = members_of(answer_, config_);
    const auto me = answer_.view().string("me").value_or(seed_);
    if (named_by_uri_) options_.member = std::string(me);
    TRY(reach_named());
    for (auto& member : members_) {
      if (member.reached || member.arbiter) continue;
      if (member.host == me) {
        member.address = seed_;
        take_answer(answer_, member);
        continue;
      }
      TRY(reach(member));
    }
    return {};
  }

  /// A --member that is an address of its own, because the member's name in the set cannot be resolved here. It must
  /// say itself which member of this set it is.
  Status reach_named() {
    const auto& name = options_.member;
    const bool is_address = name.find(':') != std::string::npos;
    if (!is_address || std::ranges::any_of(members_, [&](const Member& m) { return is_named(m, name); })) return {};
    TRY_ASSIGN(auto connection, Connection::open(uri_.direct_to(name), cancel_, kSeedTimeout));
    TRY_ASSIGN(const auto answer, is_master(connection, cancel_));
    const auto me = answer.view().string("me").value_or("");
    const auto member = std::ranges::find(members_, me, &Member::host);
    if (answer.view().string("setName") != source_.set_name || member == members_.end()) {
      return fail(Error(ErrorKind::kInvalidInput, name + " is no member of " + source_.set_name)
                      .hint(me.empty() ? "it belongs to no replica set" : "it calls itself " + std::string(me)));
    }
    member->address = name;
    take_answer(answer, *member);
    return {};
  }

  Status reach(Member& member) {
    auto connection = Connection::open(uri_.direct_to(member.address), cancel_, kMemberTimeout);
    auto answer = connection ? is_master(*connection, cancel_) : tl::unexpected(connection.error());
    if (!answer) {
      TRY(cancel_.check());
      member.trouble = answer.error().message();
      return {};
    }
    if (answer->view().string("setName") != source_.set_name) {
      member.trouble = "it does not belong to " + source_.set_name;
      return {};
    }
    take_answer(*answer, member);
    return {};
  }

  Result<Source> describe_standalone() {
    source_.kind = Kind::kStandalone;
    source_.member = seed_;
    source_.role = source_.reason = "standalone";
    source_.uri = uri_.direct_to(seed_);
    if (!source_.product.empty()) {
      source_.reason = source_.product;
      source_.notes.push_back(seed_ + " is " + source_.product +
                              ", not MongoDB: it is read as it comes and without an oplog");
    }
    if (!uri_.replica_set().empty() && !answer_.view().find("setName")) {
      return fail(Error(ErrorKind::kInvalidInput, seed_ + " is a standalone server, no member of '" +
                                                      uri_.replica_set() + "' as the connection string says")
                      .hint("take replicaSet= out of the connection string"));
    }
    return finish(*connection_);
  }

  Result<Source> describe_member(const MemberChoice& choice) {
    const auto& member = members_[choice.index];
    source_.member = member.host;
    source_.role = choice.role;
    source_.reason = choice.reason;
    source_.notes.insert(source_.notes.end(), choice.notes.begin(), choice.notes.end());
    source_.lacks = choice.lacks;
    source_.address = member.address;
    source_.members = choice.members;
    source_.uri = uri_.direct_to(member.address);
    for (const auto& one : members_) {
      if (one.reached) source_.reached.push_back(one.address);
    }
    if (member.address == seed_) return finish(*connection_);
    TRY_ASSIGN(auto connection, Connection::open(source_.uri, cancel_, kSeedTimeout));
    return finish(connection);
  }

  Result<Source> finish(Connection& connection) {
    if (const auto identity = shard_identity(connection, cancel_)) return fail(refuse_shard(source_.member, *identity));
    if (!source_.product.empty()) {  // the version that it says is one that it resembles
      source_.version = source_.product;
      return std::move(source_);
    }
    TRY_ASSIGN(const auto version, server_version(connection, cancel_));
    source_.version = version.text;
    source_.version_array = version.numbers;
    source_.fcv = feature_version(connection, cancel_);
    return std::move(source_);
  }

  std::optional<bson::Document> ask(std::string_view db, std::string_view name) {
    bson::Builder command;
    command.add(name, int32_t{1});
    auto reply = connection_->command(db, command.finish(), cancel_);
    if (!reply) return std::nullopt;
    return std::move(*reply);
  }

  Uri uri_;
  MemberOptions options_;
  const Cancel& cancel_;
  std::string seed_;
  std::optional<Connection> connection_;
  bson::Document answer_;
  bson::Document config_;
  bool named_by_uri_ = false;
  std::vector<Member> members_;
  Source source_;
};

}  // namespace

Result<Source> choose_source(const Uri& uri, const MemberOptions& options, const Cancel& cancel) {
  return SourceFinder(uri, options, cancel).find();
}

}  // namespace varve::mongo
