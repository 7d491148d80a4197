#include "storage/sftp.h"

#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/posix.h"
#include "storage/testing/helpers.h"
#include "storage/words.h"

namespace varve::storage {
namespace {

using testing::kConfig;
using testing::put;

constexpr const char* kServer = "/usr/lib/openssh/sftp-server";

using Words = std::vector<std::string>;

TEST(SplitWords, KnowsQuotesAndBackslashes) {
  EXPECT_EQ(split_words("ssh  -i 'a b' \"c 'd'\\\"\" e\\ f ''", "x"),
            (Words{"ssh", "-i", "a b", "c 'd'\"", "e f", ""}));
  EXPECT_EQ(split_words(" 'a\\b'c ", "x"), (Words{"a\\bc"}));
  EXPECT_EQ(split_words("", "x"), Words());
  EXPECT_NE(split_words("a 'b", "sftp.args").error().message().find("sftp.args"), std::string::npos);
}

TEST(SftpPlace, IsWrittenInTwoWays) {
  struct {
    const char *text, *user, *host;
    int port;
    const char *folder, *location;
  } const places[] = {
      {"user@host:dir/sub/", "user", "host", 0, "dir/sub", "sftp:user@host:dir/sub"},
      {"host:/srv//shop", "", "host", 0, "/srv/shop", "sftp:host:/srv/shop"},
      {"me@corp@host:a:b", "me@corp", "host", 0, "a:b", "sftp:me@corp@host:a:b"},
      {"host:", "", "host", 0, ".", "sftp:host:."},
      {"//user@host:2222//srv/shop", "user", "host", 2222, "/srv/shop", "sftp://user@host:2222//srv/shop"},
      {"//host/dir%20x", "", "host", 0, "dir x", "sftp:host:dir x"},
      {"//me%40corp@[::1]:22/dir", "me@corp", "::1", 22, "dir", "sftp://me%40corp@[::1]:22/dir"},
      {"//[fe80::1]/dir", "", "fe80::1", 0, "dir", "sftp://[fe80::1]/dir"},
  };
  for (const auto& expected : places) {
    const auto place = SftpPlace::parse(expected.text);
    ASSERT_TRUE(place) << expected.text;
    EXPECT_EQ(place->user, expected.user);
    EXPECT_EQ(place->host, expected.host);
    EXPECT_EQ(place->port.value_or(0), expected.port);
    EXPECT_EQ(place->folder, expected.folder);
    EXPECT_EQ(place->location(), expected.location);
  }
}

TEST(SftpPlace, RefusesWhatSshWouldTakeForSomethingElse) {
  for (const char* text : {"", "host", ":dir", "user@:dir", "-oProxyCommand=x:dir", "//host", "//host:port/dir",
                           "//user:secret@host/dir", "host:~/dir", "//host/~dir", "ho\nst:dir", "//a%zz@host/dir"}) {
    const auto place = SftpPlace::parse(text);
    ASSERT_FALSE(place) << text;
    EXPECT_EQ(place.error().kind(), ErrorKind::kInvalidInput);
    EXPECT_FALSE(place.error().hints().empty());
    EXPECT_EQ(place.error().message().find("secret"), std::string::npos);
  }
}

TEST(SftpPlace, RunsSshAsResticDoes) {
  const auto place = *SftpPlace::parse("//user@host:2222/dir");
  EXPECT_EQ(place.command({}), (Words{"ssh", "host", "-p", "2222", "-l", "user", "-s", "sftp"}));
  EXPECT_EQ(place.command({.command = "", .args = "-i 'a key'"}),
            (Words{"ssh", "host", "-p", "2222", "-l", "user", "-i", "a key", "-s", "sftp"}));
  EXPECT_EQ(place.command({.command = "my ssh", .args = ""}), (Words{"my", "ssh"}));
  EXPECT_FALSE(place.command({.command = "a", .args = "b"}));
  EXPECT_FALSE(place.command({.command = " ", .args = ""}));
}

/// Over what a shell does in place of a server.
SftpStorage over(const std::string& script, std::string folder = "dir",
                 std::chrono::seconds stall_timeout = std::chrono::seconds(60)) {
  return SftpStorage("sftp:host:dir", {.command = {"sh", "-c", script}, .name = "host", .stall_timeout = stall_timeout},
                     std::move(folder), 5);
}

constexpr const char* kHello = "printf '\\0\\0\\0\\5\\2\\0\\0\\0\\3'; ";

TEST(SftpStorage, TellsWhatIsNoServer) {
  const struct {
    std::string script;
    ErrorKind kind;
    const char* sentence;
  } cases[] = {
      {"echo Welcome; sleep 1", ErrorKind::kUnsupported, "is not SFTP: it begins \"Welc\""},
      {"echo Permission denied, please go >&2; exit 255", ErrorKind::kDenied, "sh says: Permission denied, please go"},
      {"exit 7", ErrorKind::kUnavailable, "cannot connect to host: sh ended with status 7"},
      {"printf '\\0\\0\\0\\5\\2\\0\\0\\0\\2'; sleep 1", ErrorKind::kUnsupported, "does not speak version 3"},
      {"sleep 30", ErrorKind::kUnavailable, "silent for 1 s"},
      {kHello + std::string("exit 0"), ErrorKind::kUnavailable, "the connection to host broke"},
      {kHello + std::string("sleep 30"), ErrorKind::kUnavailable, "silent for 1 s"},
      {kHello + std::string("head -c 9 >&2; printf '\\0\\0\\0\\5\\151\\0\\0\\0\\143'; sleep 9"),
       ErrorKind::kUnavailable, "not asked"},
      // 9 bytes are the greeting; one more, and the request that this answers has been sent.
      {kHello + std::string("head -c 10 >&2; printf '\\0\\0\\0\\5\\151\\0\\0\\0\\1'; sleep 9"), ErrorKind::kUnavailable,
       "not understood"},
      {kHello + std::string("printf '\\177\\0\\0\\0'; sleep 9"), ErrorKind::kUnsupported, "is not SFTP"},
  };
  for (const auto& expected : cases) {
    const bool silent = std::string_view(expected.sentence) == "silent for 1 s";
    auto storage = over(expected.script, "dir", std::chrono::seconds(silent ? 1 : 60));
    const auto size = storage.stat(kConfig, Cancel());
    ASSERT_FALSE(size) << expected.script;
    EXPECT_EQ(size.error().kind(), expected.kind) << size.error().message();
    EXPECT_NE(size.error().message().find(expected.sentence), std::string::npos) << size.error().message();
  }
}

TEST(SftpStorage, TakesNoAnswerWithoutNamesForAPartOfAListing) {
  auto storage =
      over(kHello + std::string("head -c 9 >&2; head -c 21 >&2; printf '\\0\\0\\0\\12\\146\\0\\0\\0\\1\\0\\0\\0\\1h'; "
                                "head -c 14 >&2; printf '\\0\\0\\0\\11\\150\\0\\0\\0\\2\\0\\0\\0\\0'; sleep 9"));
  const auto error = testing::listed(storage, FileType::kKey).error();
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_NE(error.message().find("the answer is no listing"), std::string::npos) << error.message();
}

class SftpServerProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(kServer, X_OK) != 0) GTEST_SKIP() << "no sftp-server on this machine";
  }
  const testing::TemporaryFolder folder_;
};

TEST_F(SftpServerProgram, IsStartedAgainWhenItHasEnded) {
  auto storage = over(fmt::format("if mkdir {}/once 2>/dev/null; then head -c 3000 | {}; else exec {}; fi",
                                  folder_.path(), kServer, kServer),
                      folder_.path() + "/repo");
  EXPECT_EQ(storage.create(Cancel()).error().kind(), ErrorKind::kUnavailable);
  ASSERT_TRUE(storage.create(Cancel()));
  EXPECT_TRUE(put(storage, kConfig, as_bytes("config")));
}

TEST_F(SftpServerProgram, LeavesNothingOfAPutThatFailed) {
  // No file may get larger than 64 KiB: what is written beyond that fails, and nobody says why.
  auto storage = over(fmt::format("trap '' XFSZ; ulimit -f 128; exec {}", kServer), folder_.path());
  ASSERT_TRUE(storage.create(Cancel()));
  const Bytes bytes = testing::content(300'000);
  const auto done = put(storage, testing::handle_for(FileType::kIndex, bytes), bytes);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kUnavailable);
  EXPECT_NE(done.error().message().find("the server says: Failure"), std::string::npos) << done.error().message();
  EXPECT_EQ(*posix::names_in(folder_.path() + "/index"), std::vector<std::string>());
}

Bytes bytes_of(const std::string& path) {
  const Fd file = *posix::open_file(path, O_RDONLY);
  Bytes out(*posix::file_size(file, path));
  EXPECT_TRUE(posix::read_at(file, path, 0, out));
  return out;
}

/// Calls `visit` with the type of each request in what was sent to a server, and where it ends.
void for_requests(const Bytes& sent, const std::function<void(net::SftpType, size_t end)>& visit) {
  for (size_t at = 0; at + 4 < sent.size();) {
    net::SftpParser packet(ByteView(sent).subspan(at));
    at += 4 + packet.u32();
    visit(static_cast<net::SftpType>(packet.u8()), at);
  }
}

std::map<net::SftpType, int> requests_in(const Bytes& sent) {
  std::map<net::SftpType, int> out;
  for_requests(sent, [&](net::SftpType type, size_t) { ++out[type]; });
  return out;
}

TEST_F(SftpServerProgram, ClosesWhatItOpenedOnceThoughItCannotBeRenamed) {
  const auto log = folder_.path() + "/log";
  {
    auto storage = over(fmt::format("tee {} | {} -P rename,posix-rename", log, kServer), folder_.path());
    ASSERT_TRUE(storage.create(Cancel()));
    const Bytes bytes = testing::content(1000);
    EXPECT_FALSE(put(storage, testing::handle_for(FileType::kIndex, bytes), bytes));
  }
  auto sent = requests_in(bytes_of(log));
  EXPECT_EQ(sent[net::SftpType::kClose], sent[net::SftpType::kOpen]);
  EXPECT_EQ(sent[net::SftpType::kRemove], 1);
  EXPECT_EQ(*posix::names_in(folder_.path() + "/index"), std::vector<std::string>());
}

TEST_F(SftpServerProgram, IsBelievedThatItOpensNoFoldersIfItNeverDid) {
  const auto session = *net::SftpSession::open({.command = {kServer}, .name = "here"}, Cancel());
  const Cancel cancel;
  std::atomic<bool> opens_folders = false;
  SftpFiles files(session, cancel, opens_folders);
  EXPECT_TRUE(files.sync_folder(folder_.path() + "/missing"));
  EXPECT_TRUE(files.sync_folder(folder_.path()));
  EXPECT_EQ(files.sync_folder(folder_.path() + "/missing").error().kind(), ErrorKind::kUnavailable);
}

TEST_F(SftpServerProgram, ReadsOnceMoreWhatItCouldNotRead) {
  const auto log = folder_.path() + "/log";
  {
    const auto command = fmt::format("tee {} | {}", log, kServer);
    const auto session = *net::SftpSession::open({.command = {"sh", "-c", command}, .name = "here"}, Cancel());
    const Cancel cancel;
    std::atomic<bool> opens_folders = false;
    SftpFiles files(session, cancel, opens_folders);
    const auto bytes = files.read(folder_.path(), 0, 1);  // which opens but cannot be read, like a bad sector
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().kind(), ErrorKind::kCorrupt) << bytes.error().message();
  }
  auto sent = requests_in(bytes_of(log));
  EXPECT_EQ(sent[net::SftpType::kOpen], 2);
  EXPECT_EQ(sent[net::SftpType::kClose], 2);
}

TEST_F(SftpServerProgram, PassesOverWhatIsNoFileOfARepository) {
  auto storage = over(fmt::format("exec {}", kServer), folder_.path());
  ASSERT_TRUE(storage.create(Cancel()));
  const Bytes bytes = testing::content(10);
  const auto handle = testing::handle_for(FileType::kPack, bytes);
  ASSERT_TRUE(put(storage, handle, bytes));
  const auto path = folder_.path() + '/' + handle.path();
  ASSERT_EQ(::link(path.c_str(), (path + "-restic-temp-0123").c_str()), 0);
  ASSERT_EQ(::link(path.c_str(), (folder_.path() + "/data/" + handle.id.hex()).c_str()), 0);
  EXPECT_EQ(testing::listed(storage, FileType::kPack)->size(), 1u);
}

TEST_F(SftpServerProgram, DoesNotTakeARepositoryWithAHoleForAnEmptyOne) {
  auto storage = over(fmt::format("exec {}", kServer), folder_.path());
  ASSERT_TRUE(storage.create(Cancel()));
  ASSERT_EQ(::rmdir((folder_.path() + "/snapshots").c_str()), 0);
  EXPECT_EQ(testing::listed(storage, FileType::kSnapshot).error().kind(), ErrorKind::kUnavailable);
  ASSERT_EQ(::rmdir((folder_.path() + "/locks").c_str()), 0);
  EXPECT_TRUE(testing::listed(storage, FileType::kLock)->empty());
}

}  // namespace
}  // namespace varve::storage
