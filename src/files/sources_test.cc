#include "files/sources.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "files/expand.h"
#include "storage/testing/helpers.h"

namespace varve::files {
namespace {

namespace fs = std::filesystem;

/// "name=path" for what is taken, "name(folder)" with what is below, in order; `!` for what was named.
std::string text(const Source& source) {
  std::string out;
  for (const auto& [name, below] : source.below) {
    out += (out.empty() ? "" : " ") + name;
    out += below.is_leaf() ? (below.is_named ? "=!" : "=") + below.path : "(" + below.folder + ")[" + text(below) + "]";
  }
  return out;
}

class Sources : public ::testing::Test {
 protected:
  Sources() : before_(fs::current_path()) {
    for (const char* name : {"w/a/b/c", "w/a/d", "w/e", "x/a/f"}) {
      fs::create_directories(fs::path(folder_.path() + "/" + name).parent_path());
      std::ofstream(folder_.path() + "/" + name) << name;
    }
    fs::current_path(folder_.path() + "/w");
  }
  ~Sources() override { fs::current_path(before_); }

  static std::string arranged(const std::vector<std::string>& paths) {
    const auto root = arrange_sources(paths);
    return root ? text(*root) : root.error().message();
  }

  const fs::path before_;
  storage::testing::TemporaryFolder folder_;
};

TEST_F(Sources, LieInTheTreeAsTheyWereNamed) {
  EXPECT_EQ(arranged({"a"}), "a=!a");
  EXPECT_EQ(arranged({"./a/", "a"}), "a=!a");
  EXPECT_EQ(arranged({"a/b/c"}), "a(a)[b(a/b)[c=!a/b/c]]");
  EXPECT_EQ(arranged({"/usr/bin"}), "usr(/usr)[bin=!/usr/bin]");
  EXPECT_EQ(arranged({"../x/a"}), "x(../x)[a=!../x/a]");
  EXPECT_EQ(arranged({"a/b/../d"}), "a(a)[d=!a/d]");
}

TEST_F(Sources, OfOnlyDotsStandForWhatIsInThem) {
  EXPECT_EQ(arranged({"."}), "a=a e=e");
  EXPECT_EQ(arranged({".."}), "w=../w x=../x");
  EXPECT_EQ(arranged({"a/.."}), "a=a e=e");
}

TEST_F(Sources, ShareTheFoldersAboveThem) {
  EXPECT_EQ(arranged({"a/d", "a/b/c"}), "a(a)[b(a/b)[c=!a/b/c] d=!a/d]");
  EXPECT_EQ(arranged({"/usr/bin", "/usr/lib"}), "usr(/usr)[bin=!/usr/bin lib=!/usr/lib]");
}

TEST_F(Sources, BelowOneAnotherAreTakenOnce) {
  EXPECT_EQ(arranged({"a", "a/b/c"}), "a(a)[b(a/b)[c=!a/b/c] d=a/d]");
  EXPECT_EQ(arranged({"a/b", "a"}), "a(a)[b=!a/b d=a/d]");
}

TEST_F(Sources, OfDifferentRootsGetDifferentNames) {
  EXPECT_EQ(arranged({"a", "../x/a", "../w/a"}), "a=!a w(../w)[a=!../w/a] x(../x)[a=!../x/a]");
  fs::create_directory("x");
  EXPECT_EQ(arranged({"x", "../x/a"}), "x=!x x-1(../x)[a=!../x/a]");
}

TEST_F(Sources, AreExpandedFromPatterns) {
  const auto expanded = [](const std::string& pattern) { return expand(pattern).value(); };
  EXPECT_EQ(expanded("*"), (std::vector<std::string>{"a", "e"}));
  EXPECT_EQ(expanded("a/*"), (std::vector<std::string>{"a/b", "a/d"}));
  EXPECT_EQ(expanded("*/[a-c]/c"), std::vector<std::string>{"a/b/c"});
  EXPECT_EQ(expanded(folder_.path() + "/?/a/f"), std::vector<std::string>{folder_.path() + "/x/a/f"});
  EXPECT_EQ(expanded("e"), std::vector<std::string>{"e"});
  EXPECT_TRUE(expanded("missing").empty());
  EXPECT_TRUE(expanded("e/*").empty());
  EXPECT_FALSE(expand("[a"));
}

}  // namespace
}  // namespace varve::files
