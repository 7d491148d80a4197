#include "net/encoding.h"

#include <gtest/gtest.h>

namespace varve::net {
namespace {

TEST(PercentEncoding, LeavesUnreservedCharactersAlone) {
  EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encoded("a b/+\xe1\x88\xb4"), "a%20b%2F%2B%E1%88%B4");
  EXPECT_EQ(percent_encoded_path("/a b//c"), "/a%20b//c");
}

TEST(PercentDecoding, RefusesWhatIsCutOff) {
  EXPECT_EQ(percent_decoded("p%40ss+w%2f%E1"), "p@ss+w/\xe1");
  EXPECT_EQ(percent_decoded("%"), std::nullopt);
  EXPECT_EQ(percent_decoded("a%4"), std::nullopt);
  EXPECT_EQ(percent_decoded("%zz"), std::nullopt);
}

TEST(QueryString, IsInTheOrderInWhichItIsSigned) {
  EXPECT_EQ(query_string({{"prefix", "a/b c"}, {"list-type", "2"}, {"delete", ""}}),
            "delete=&list-type=2&prefix=a%2Fb%20c");
}

}  // namespace
}  // namespace varve::net
