#include "mongo/member.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "bson/document.h"
#include "mongo/testing/json.h"

namespace varve::mongo {
namespace {

using testing::from_json;

/// What a server of that role answered to that command.
bson::Document recorded(std::string_view role, std::string_view command) {
  std::ifstream file(VARVE_TEST_DATA "/mongo/topology.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto entry = from_json(line);
    if (entry.view().string("role") != role || entry.view().string("command") != command) continue;
    return bson::Document(entry.view().document("reply")->bytes());
  }
  throw std::runtime_error("not recorded");
}

/// The recorded set: a primary, a secondary, a hidden one.
std::vector<Member> recorded_set(bool with_config) {
  const auto config = recorded("replica-hidden", "replSetGetConfig");
  auto members = members_of(recorded("replica-primary", "isMaster"),
                            with_config ? *config.view().document("config") : bson::View());
  for (const char* role : {"replica-primary", "replica-secondary", "replica-hidden"}) {
    const auto answer = recorded(role, "isMaster");
    for (auto& member : members) {
      if (member.host == answer.view().string("me")) take_answer(answer, member);
    }
  }
  return members;
}

Result<MemberChoice> choose(const std::vector<Member>& members, const std::string& which = "auto") {
  return choose_member("rs0", members, {which, std::chrono::seconds(60)});
}

std::string all_hints(const Error& error) {
  std::string text = error.message();
  for (const auto& hint : error.hints()) text += "\n" + hint;
  return text;
}

TEST(Role, IsReadFromTheAnswer) {
  EXPECT_EQ(role_of("a", recorded("standalone", "isMaster")), ServerRole::kStandalone);
  for (const char* role : {"replica-primary", "replica-secondary", "replica-hidden", "shard-1"}) {
    EXPECT_EQ(role_of("a", recorded(role, "isMaster")), ServerRole::kMember);
  }
  for (const char* role : {"mongos", "config-server"}) {
    const auto refused = role_of("db1:27017", recorded(role, "isMaster"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
    EXPECT_TRUE(refused.error().message().starts_with("db1:27017 is a ")) << refused.error().message();
  }
  const auto raw =
      role_of("a", from_json(R"({"isreplicaset": true, "info": "Does not have a valid replica set config"})"));
  EXPECT_EQ(raw.error().kind(), ErrorKind::kUnavailable);
}

TEST(Role, OfAShardIsInItsIdentity) {
  const auto reply = recorded("shard-1", "find");
  const auto identity = reply.view().document("cursor.firstBatch.1");
  ASSERT_TRUE(identity);
  EXPECT_EQ(refuse_shard("db1", *identity).message(),
            "db1 belongs to the shard 'sh1': sharded clusters are not supported yet");
}

TEST(Members, HiddenOnesAreInTheConfigurationOnly) {
  EXPECT_EQ(recorded_set(true).size(), 3u);
  EXPECT_EQ(recorded_set(false).size(), 2u);
}

TEST(Choice, PrefersHiddenThenSecondariesThenThePrimary) {
  auto members = recorded_set(true);
  auto choice = choose(members);
  ASSERT_TRUE(choice);
  EXPECT_EQ(members[choice->index].host, "127.0.0.1:37013");
  EXPECT_EQ(choice->reason, "hidden secondary, 0 s behind");

  members = recorded_set(false);
  choice = choose(members);
  EXPECT_EQ(choice->role, "secondary");
  members[0].priority = 5;
  members[1].reached = false;
  members[1].trouble = "Connection refused";
  choice = choose(members);
  EXPECT_EQ(choice->role, "primary");
  EXPECT_EQ(choice->notes,
            std::vector<std::string>{"127.0.0.1:37012 was passed over: it cannot be reached: Connection refused"});
}

TEST(Choice, PrefersPriorityZeroAndLessLag) {
  auto members = recorded_set(false);
  members.push_back(members[1]);
  members[2].host = "c:1";
  members[2].last_write_ms = *members[1].last_write_ms - 500;
  EXPECT_EQ(choose(members)->index, 1u);
  members[2].priority = 0;
  EXPECT_EQ(choose(members)->index, 2u);
  EXPECT_EQ(choose(members)->reason, "priority-0 secondary, 0.5 s behind");
}

TEST(Choice, NeverTakesAMemberThatWouldLoseDataByItself) {
  const auto spoil = [](const char* what, Member& member) {
    const std::string_view how = what;
    if (how == "indexes") member.builds_indexes = false;
    if (how == "delayed") member.delay_seconds = 3600;
    if (how == "recovering") member.secondary = false;
    if (how == "arbiter") member.arbiter = true;
    if (how == "lag") *member.last_write_ms -= 61'000;
  };
  for (const char* what : {"indexes", "delayed", "recovering", "arbiter", "lag"}) {
    auto members = recorded_set(true);
    spoil(what, members[2]);
    const auto choice = choose(members);
    ASSERT_TRUE(choice) << what;
    EXPECT_EQ(choice->index, 1u) << what;
    const auto refused = choose(members, "hidden");
    ASSERT_FALSE(refused) << what;
    EXPECT_NE(all_hints(refused.error()).find("127.0.0.1:37013 "), std::string::npos);

    const auto named = choose(members, "127.0.0.1:37013");
    const bool readable = std::string_view(what) != "recovering" && std::string_view(what) != "arbiter";
    EXPECT_EQ(named.has_value(), readable) << what;
    if (named) EXPECT_EQ((std::string_view(what) == "indexes" ? named->lacks : named->notes).size(), 1u) << what;
  }
}

TEST(Choice, TakesTheMemberThatIsNamed) {
  auto members = recorded_set(true);
  members[0].host = "db1:27017";
  EXPECT_EQ(choose(members, "db1")->index, 0u);
  EXPECT_EQ(choose(members, "db1:27017")->reason, "primary, named by --member");
  EXPECT_EQ(choose(members, "primary")->index, 0u);
  EXPECT_EQ(choose(members, "secondary")->index, 2u);
  const auto nobody = choose(members, "db9");
  EXPECT_EQ(nobody.error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(all_hints(nobody.error()),
            "rs0 has no member db9\nits members are db1:27017, 127.0.0.1:37012, 127.0.0.1:37013");
  EXPECT_EQ(choose(members, "127.0.0.1").error().message(), "several members of rs0 are called 127.0.0.1");
}

TEST(Choice, TellsOfEveryMemberWhyItIsReadOrNot) {
  auto members = recorded_set(true);
  members.push_back({.host = "gone:1", .trouble = "Connection refused"});
  members.push_back({.host = "judge:1", .arbiter = true});
  members.push_back(members[1]);
  members.back().host = "late:1";
  *members.back().last_write_ms -= 90'000;
  const auto known = choose(members)->members;
  ASSERT_EQ(known.size(), 6u);
  const std::vector<std::array<std::string, 3>> wanted = {
      {"primary", "primary", "could be read: a hidden secondary goes before"},
      {"secondary", "secondary", "could be read: a hidden secondary goes before"},
      {"hidden secondary", "secondary", "is read: hidden secondary, 0 s behind"},
      {"secondary", "unreachable", "cannot be reached: Connection refused"},
      {"arbiter", "arbiter", "is an arbiter and holds no data"},
      {"secondary", "secondary", "is 90 s behind, more than --max-lag allows (60 s)"}};
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ((std::array{known[i].role, known[i].state, known[i].why}), wanted[i]);
    EXPECT_EQ(known[i].read, i == 2);
  }
  EXPECT_EQ(known[5].lag, std::chrono::seconds(90));
  EXPECT_FALSE(known[3].lag || known[4].lag);
  EXPECT_EQ(choose(members, "primary")->members[1].why, "is not what --member primary asks for");
  EXPECT_EQ(choose(members, "late:1")->members[0].why, "is not what --member late:1 asks for");
}

}  // namespace
}  // namespace varve::mongo
