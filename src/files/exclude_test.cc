#include "files/exclude.h"

#include <map>

#include <gtest/gtest.h>

#include "files/paths.h"

namespace varve::files {

namespace {

ExcludeRules rules(const std::vector<std::string>& patterns, bool ignore_case = false) {
  auto parsed = ExcludeRules::parse(patterns, ignore_case);
  EXPECT_TRUE(parsed) << parsed.error().message();
  return parsed ? *parsed : ExcludeRules();
}

struct Case {
  std::string pattern, path;
  bool matched;
};

TEST(ExcludeRules, MatchAsResticsFilterDoes) {
  const std::vector<Case> cases = {
      {"*.go", "/foo/bar/test.go", true},
      {"*.c", "/foo/bar/test.go", false},
      {"*", "/foo", true},
      {"**", "/foo", true},
      {"foo*", "/foobar", true},
      {"foo*", "/afoo", false},
      {"foo*", "/foo/bar", true},
      {"test.*", "/foo/bar/test.go", true},
      {"foo/bar", "/x/foo/bar", true},
      {"foo/bar", "/x/foo/baz/bar", false},
      {"foo/bar", "/foo/bar/below/it", true},
      {"bar", "/foo/bar/baz", true},
      {"bar/", "/foo/bar", true},  // a slash at the end says nothing
      {"./bar//baz", "/x/bar/baz", true},
      {"x/../bar", "/bar", true},
      {"oo", "/foo", false},
      {"/foo", "/foo", true},
      {"/foo", "/foo/bar", true},
      {"/foo", "/bar/foo", false},
      {"/foo/*/baz", "/foo/bar/baz", true},
      {"/foo/*/baz", "/foo/bar/x/baz", false},
      {"/foo/*", "/foo", false},
      {"/", "/foo", true},
      {"/", "/", true},
      {"/foo/**", "/foo", true},  // no folder at all is some folders too
      {"/foo/**/baz", "/foo/baz", true},
      {"/foo/**/baz", "/foo/a/b/c/baz", true},
      {"/foo/**/baz", "/foo/a/b/c/baz/d", true},
      {"/foo/**/baz", "/foo/a/b/c", false},
      {"/foo/**/baz", "/x/foo/baz", false},
      {"foo/**/baz", "/x/foo/y/baz", true},
      {"**/baz", "/baz", true},
      {"/**/baz", "/a/b/baz", true},
      {"/a/**/c/**/e", "/a/b/c/d/e", true},
      {"/a/**/c/**/e", "/a/c/e", true},
      {"/a/**/c/**/e", "/a/e/c", false},
      {"a**b", "/axxb", true},  // within a name it is one star twice
      {"?oo", "/foo", true},
      {"?oo", "/oo", false},
      {"?", "/é", true},
      {"??", "/é", false},
      {"[a-c]x", "/bx", true},
      {"[a-c]x", "/dx", false},
      {"[^a-c]x", "/dx", true},
      {"[^a-c]x", "/bx", false},
      {"[à-é]", "/è", true},
      {"[\\]]", "/]", true},
      {"[\\-x]", "/-", true},
      {"\\*", "/*", true},
      {"\\*", "/x", false},
      {"\\[a]", "/[a]", true},
      {"x]", "/x]", true},
      {".*", "/.hidden", true},
      {"*hid*n*", "/.hidden.txt", true},
      {"*a*a*a*b", "/aaaaaaaaaaaaaaaaaaaaaaaaaa", false},
      {"#", "/#", true},
      {"FOO", "/foo", false},
      {"\xff*", "/\xff\xfe", true},
      {"?", "/\xff", true},
      {"foo", "x/foo", true},
      {"/x", "x/foo", false},
  };
  for (const auto& [pattern, path, matched] : cases) {
    EXPECT_EQ(rules({pattern}).matches(path), matched) << pattern << " on " << path;
  }
}

TEST(ExcludeRules, TheLastPatternWins) {
  const auto negated = rules({"*.log", "!keep.log", "/x/keep.log"});
  EXPECT_TRUE(negated.matches("/a/b.log"));
  EXPECT_FALSE(negated.matches("/a/keep.log"));
  EXPECT_TRUE(negated.matches("/x/keep.log"));
  EXPECT_FALSE(negated.matches("/a/b.txt"));
  EXPECT_FALSE(rules({"!a", "b"}).matches("/a"));
  EXPECT_FALSE(rules({"a/*", "!a/b"}).matches("/a/b/c"));
}

TEST(ExcludeRules, IgnoreCaseOfAllOfUnicode) {
  const auto any_case = rules({"*.JPG", "ÄRGER", "[A-C]x"}, true);
  EXPECT_TRUE(any_case.matches("/a/b.jpg"));
  EXPECT_TRUE(any_case.matches("/a/b.Jpg"));
  EXPECT_TRUE(any_case.matches("/ärger"));
  EXPECT_TRUE(any_case.matches("/Ärger/x"));
  EXPECT_TRUE(any_case.matches("/BX"));
  EXPECT_FALSE(any_case.matches("/DX"));
}

TEST(ExcludeRules, OneListDoesNotTakeBackWhatAnotherMatches) {
  auto both = rules({"*.log"});
  ASSERT_TRUE(both.add({"*.TMP", "!A.LOG"}, true));
  EXPECT_TRUE(both.matches("/a.log"));
  EXPECT_TRUE(both.matches("/a.tmp"));
  EXPECT_FALSE(both.matches("/a.txt"));
}

TEST(ExcludeRules, EmptyPatternsSayNothing) {
  EXPECT_TRUE(ExcludeRules().empty());
  EXPECT_TRUE(rules({"", ""}).empty());
  EXPECT_FALSE(rules({"", ""}).matches("/foo"));
  EXPECT_FALSE(rules({"x"}).empty());
}

TEST(ExcludeRules, NameWhatIsMalformed) {
  for (const std::string pattern : {"[", "[]", "[a", "[a-", "[a-]", "[-a]", "a\\", "[^]", "/ok/[x/y", "[\xff]", "!["}) {
    const auto parsed = ExcludeRules::parse({"fine", pattern}, false);
    ASSERT_FALSE(parsed) << pattern;
    EXPECT_EQ(parsed.error().kind(), ErrorKind::kInvalidInput);
    EXPECT_NE(parsed.error().message().find("\"" + pattern + "\""), std::string::npos) << parsed.error().message();
    EXPECT_EQ(parsed.error().message().find("fine"), std::string::npos);
  }
}

TEST(ExcludeRules, TellWhereSomethingMayMatch) {
  const std::vector<Case> cases = {
      {"bar", "/anywhere", true},      {"/foo/bar", "/", true},         {"/foo/bar", "/foo", true},
      {"/foo/bar", "/baz", false},     {"/foo/bar", "/foo/bar", true},  {"/foo/bar", "/foo/bar/baz", true},
      {"/foo/bar", "/foo/baz", false}, {"/foo/**/x", "/foo/a/b", true}, {"/foo/**/x", "/bar", false},
      {"/*/x", "/foo", true},
  };
  for (const auto& [pattern, path, matched] : cases) {
    EXPECT_EQ(rules({pattern}).may_match_below(path), matched) << pattern << " below " << path;
  }
  EXPECT_FALSE(rules({"/foo/bar", "!/foo"}).may_match_below("/foo"));
}

TEST(PatternsIn, LeaveCommentsOutAndPutVariablesIn) {
  const std::map<std::string, std::string> set = {{"HOME", "/home/me"}, {"x_1", "X"}};
  const auto get = [&](const std::string& name) { return set.contains(name) ? set.at(name) : ""; };
  const auto patterns = patterns_in(
      "# comment\r\n\r\n  *.o \t\n\n   # indented\n$HOME/cache\n${HOME}x/$x_1-\n$$literal $\n$unset/y\nlast # kept",
      get);
  EXPECT_EQ(patterns,
            (std::vector<std::string>{"*.o", "/home/me/cache", "/home/mex/X-", "$literal $", "/y", "last # kept"}));
  EXPECT_TRUE(patterns_in("", get).empty());
}

TEST(Paths, AreCleanedAsGoDoes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "."},       {"/", "/"},       {"//a///b/", "/a/b"},  {"./a/./b", "a/b"},
      {"a/../b", "b"}, {"../a", "../a"}, {"a/../../b", "../b"}, {"/../a", "/a"},
      {"a/..", "."},   {"...", "..."},
  };
  for (const auto& [path, cleaned] : cases) EXPECT_EQ(clean_path(path), cleaned) << path;
  EXPECT_EQ(absolute_path("a/..", "/x/y"), "/x/y");
  EXPECT_EQ(absolute_path("../a", "/x/y"), "/x/a");
  EXPECT_EQ(absolute_path("/a//b", "/x/y"), "/a/b");
  EXPECT_EQ(join_path("/", "a"), "/a");
}

}  // namespace

}  // namespace varve::files
