#include "codec/base64.h"

#include <gtest/gtest.h>

namespace varve::codec {
namespace {

TEST(Base64, GivesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(base64(as_bytes(plain)), text);
    ASSERT_TRUE(from_base64(text)) << text;
    EXPECT_EQ(as_text(*from_base64(text)), plain);
  }
}

TEST(Base64, HasTwoAlphabets) {
  const Bytes bytes = {0xfb, 0xff, 0xfe, 0xff};
  EXPECT_EQ(base64(bytes), "+//+/w==");
  EXPECT_EQ(base64_url(bytes), "-__-_w");
  EXPECT_EQ(from_base64("+//+/w=="), bytes);
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z", "====", "=", "Zg==Zg==", "Zm9v\n", "Zm 9v", "-__-_w==", "Zm9v="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

}  // namespace
}  // namespace varve::codec
