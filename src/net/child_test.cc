#include "net/child.h"

#include <cstdlib>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace varve::net {
namespace {

using namespace std::chrono_literals;

std::string heard(const Child& child) {
  std::string out;
  char text[100];
  while (true) {
    pollfd waited{child.channel(), POLLIN, 0};
    if (::poll(&waited, 1, 10'000) <= 0) return out + " and then silence";
    const ssize_t got = ::read(child.channel(), text, sizeof text);
    if (got <= 0) return out;
    out.append(text, static_cast<size_t>(got));
  }
}

TEST(Child, IsTalkedToAndTellsHowItEnded) {
  const auto child =
      Child::start({.words = {"sh", "-c", "read a; echo got $a; echo 'oh  no.' >&2; echo again >&2; exit 3"}});
  ASSERT_TRUE(child);
  ASSERT_EQ(::send((*child)->channel(), "this\n", 5, 0), 5);
  EXPECT_EQ(heard(**child), "got this\n");
  (*child)->wait_for_end(10s);
  EXPECT_EQ((*child)->end(), "ended with status 3");
  EXPECT_EQ((*child)->complaints(), "oh  no.; again");
}

TEST(Child, KnowsWhatItIsGivenAndNoSecretsOfOurs) {
  ::setenv("RESTIC_PASSWORD", "secret", 1);
  const auto child =
      Child::start({.words = {"sh", "-c", "echo \"$RESTIC_PASSWORD+$GIVEN\""}, .environment = {{"GIVEN", "this"}}});
  ::unsetenv("RESTIC_PASSWORD");
  ASSERT_TRUE(child);
  EXPECT_EQ(heard(**child), "+this\n");
}

TEST(Child, IsNotStartedIfThereIsNoSuchProgram) {
  const auto child = Child::start({.words = {"no-such-program"}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().kind(), ErrorKind::kInvalidInput);
  EXPECT_NE(child.error().message().find("no-such-program"), std::string::npos);
}

TEST(Child, IsWaitedForUntilItSaysSomething) {
  const auto child = Child::start({.words = {"sh", "-c", "echo ready >&2; exec sleep 100"}});
  ASSERT_TRUE(child);
  EXPECT_TRUE((*child)->wait_for("ready", 10s, Cancel()));
  EXPECT_FALSE((*child)->wait_for("never", 10ms, Cancel()));
  EXPECT_FALSE((*child)->end());
}

TEST(Child, EndsWithUsThoughItDoesNotWant) {
  pid_t pid = 0;
  {
    const auto child = Child::start({.words = {"sh", "-c", "trap '' TERM; echo ready >&2; while :; do sleep 1; done"}});
    ASSERT_TRUE(child);
    ASSERT_TRUE((*child)->wait_for("ready", 10s, Cancel()));
    pid = (*child)->pid();
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

/// Whether it is there and no zombie.
bool runs(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string number, name, state;
  return file >> number >> name >> state && state != "Z";
}

TEST(Child, EndsWithWhatItStarted) {
  auto child = Child::start({.words = {"sh", "-c", "sleep 1000 & echo $! >&2; echo done >&2; wait"}});
  ASSERT_TRUE(child);
  ASSERT_TRUE((*child)->wait_for("done", 10s, Cancel()));
  const auto words = (*child)->complaints();
  const auto pid = words.substr(0, words.find(';'));
  ASSERT_TRUE(runs(pid)) << words;
  child->reset();  // asks it to end, and waits
  for (int i = 0; i < 500 && runs(pid); ++i) std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(runs(pid));
}

}  // namespace
}  // namespace varve::net
