#include "mongo/uri.h"

#include <gtest/gtest.h>

namespace varve::mongo {
namespace {

Uri parse(const std::string& text) {
  auto uri = Uri::parse(text);
  if (!uri) throw std::runtime_error(uri.error().message());
  return *uri;
}

std::string masked(const std::string& text) {
  return parse(text).masked();
}

TEST(Uri, HidesThePasswordAndNothingElse) {
  EXPECT_EQ(masked("mongodb://db1"), "mongodb://db1");
  EXPECT_EQ(masked("mongodb://backup:s3cret@db1,db2/?replicaSet=rs0"), "mongodb://backup:***@db1,db2/?replicaSet=rs0");
  EXPECT_EQ(masked("mongodb://backup@db1/"), "mongodb://backup@db1/");
  EXPECT_EQ(masked("mongodb://u%40x:a%3Ab%2Fc%40d%3F@db1:1/admin"), "mongodb://u%40x:***@db1:1/admin");
  EXPECT_EQ(masked("mongodb://db1:db1@db1:27017/?appName=a"), "mongodb://db1:***@db1:27017/?appName=a");
  EXPECT_EQ(masked("mongodb+srv://u:p@cluster.example.net/?tls=false"),
            "mongodb+srv://u:***@cluster.example.net/?tls=false");
  EXPECT_EQ(masked("mongodb://u:p@[::1]:27018,[fe80::1]/"), "mongodb://u:***@[::1]:27018,[fe80::1]/");
}

TEST(Uri, RefusalsNeverQuoteThePassword) {
  for (const char* text :
       {"mongodb://u:s3cret@", "mongodb://u:s3cret/x@db1/", "mongodb://u:s3cret@db1:99999/",
        "mongodb://u:s3cr%zzet@db1/", "mongodb://u:s3cret@x@db1/", "mongodb://u:s3cret@db1/?tls=perhaps&ssl=x",
        "http://u:s3cret@db1/", "s3cret", "mongodb://u:s3cret?@db1/"}) {
    const auto uri = Uri::parse(text);
    if (uri) {
      EXPECT_EQ(uri->masked().find("s3cr"), std::string::npos) << text;
      continue;
    }
    EXPECT_EQ(uri.error().kind(), ErrorKind::kInvalidInput) << text;
    EXPECT_EQ(uri.error().message().find("s3cr"), std::string::npos) << uri.error().message();
    EXPECT_FALSE(uri.error().hints().empty());
  }
}

TEST(Uri, NamesItsSeeds) {
  EXPECT_EQ(parse("mongodb://db1,db2:1,[::1]:2/").seeds(), (std::vector<std::string>{"db1:27017", "db2:1", "[::1]:2"}));
  EXPECT_EQ(parse("mongodb://db1").user(), "");
  EXPECT_EQ(parse("mongodb://u%40x:p@db1").user(), "u@x");
  EXPECT_EQ(parse("mongodb://db1/?replicaSet=rs0").replica_set(), "rs0");
  EXPECT_TRUE(parse("mongodb://db1/?directConnection=true").is_direct());
  EXPECT_FALSE(parse("mongodb://db1/").is_direct());
}

TEST(Uri, GoesToOneMember) {
  const auto all =
      parse("mongodb://u:p%2F@db1,db2/shop?replicaSet=rs0&authSource=admin&readPreference=secondary&tls=true");
  EXPECT_EQ(all.direct_to("db3:1").text(),
            "mongodb://u:p%2F@db3:1/shop?authSource=admin&tls=true&directConnection=true");
  EXPECT_EQ(parse("mongodb://db1").direct_to("[::1]:5").text(), "mongodb://[::1]:5/?directConnection=true");
  EXPECT_EQ(parse("mongodb+srv://u:p@c.example.net/?srvMaxHosts=2").direct_to("db1:1").text(),
            "mongodb://u:p@db1:1/?tls=true&directConnection=true");
  EXPECT_TRUE(Uri::parse(all.direct_to("db3:1").text()));
}

TEST(Uri, TakesAPasswordWhereItHasNone) {
  EXPECT_EQ(parse("mongodb://u@db1/?a=b").with_password("p/w @:%").text(), "mongodb://u:p%2Fw%20%40%3A%25@db1/?a=b");
  EXPECT_EQ(parse("mongodb://u:old@db1/").with_password("new").text(), "mongodb://u:old@db1/");
  EXPECT_EQ(parse("mongodb://db1/").with_password("new").text(), "mongodb://db1/");
}

}  // namespace
}  // namespace varve::mongo
