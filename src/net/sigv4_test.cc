#include "net/sigv4.h"

#include <gtest/gtest.h>

#include "codec/sha256.h"

namespace varve::net {
namespace {

Time at(const char* text) {
  return *parse_rfc3339(text);
}

/// The examples of Amazon's documentation of S3.
class S3Examples : public ::testing::Test {
 protected:
  std::string signature(Request request, std::string_view body = "") {
    const auto hash = codec::sha256(as_bytes(body));
    sign_v4(request, hash, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""},
            {at("2013-05-24T00:00:00Z"), "us-east-1"});
    authorization_ = request.headers.back().value;
    return authorization_.substr(authorization_.rfind('=') + 1);
  }
  std::string authorization_;
  const std::string place_ = "https://examplebucket.s3.amazonaws.com";
};

TEST_F(S3Examples, GetsARange) {
  EXPECT_EQ(signature({.url = place_ + "/test.txt", .headers = {{"range", "bytes=0-9"}}}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(authorization_,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(S3Examples, Puts) {
  EXPECT_EQ(
      signature({.method = "PUT",
                 .url = place_ + "/test%24file.text",
                 .headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}},
                "Welcome to Amazon S3."),
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(S3Examples, Lists) {
  EXPECT_EQ(signature({.url = place_ + "/?lifecycle="}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(signature({.url = place_ + "/?max-keys=2&prefix=J"}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

/// Cases of the official test suite.
std::string suite_signature(const std::string& target, std::vector<Header> headers = {}) {
  headers.push_back({"host", "example.amazonaws.com"});
  headers.push_back({"x-amz-date", "20150830T123600Z"});
  const Request request{.url = "https://example.amazonaws.com" + target, .headers = headers};
  return signature_v4(canonical_request(request, codec::sha256({}).hex()),
                      {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""},
                      {at("2015-08-30T12:36:00Z"), "us-east-1", "service"});
}

TEST(SigV4Suite, GetVanilla) {
  EXPECT_EQ(suite_signature("/"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(SigV4Suite, GetVanillaQueryOrderKeyCase) {
  EXPECT_EQ(suite_signature("/?Param1=value1&Param2=value2"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST(SigV4, SignsTheBytesOfThePathAndTheDigestOfNoBody) {
  Request request{.method = "PUT",
                  .url = "https://s3.eu-west-1.amazonaws.com/bucket%20x/a%2Bb",
                  .headers = {{"x-amz-meta-b", "  two \t words "}, {"x-amz-meta", "1"}}};
  EXPECT_EQ(canonical_request(request, "HASH"),
            "PUT\n/bucket%20x/a%2Bb\n\nx-amz-meta:1\nx-amz-meta-b:two words\n\nx-amz-meta;x-amz-meta-b\nHASH");
}

TEST(SigV4, SendsAndSignsTheTokenOfASession) {
  Request request{.url = "http://127.0.0.1:9000/bucket/key"};
  sign_v4(request, codec::sha256({}), {"key", "secret", "token"}, {at("2026-11-27T10:00:00.9Z"), "eu-west-1"});
  EXPECT_EQ(request.headers[0].value, "127.0.0.1:9000");
  EXPECT_EQ(request.headers[2].value, "20261127T100000Z");
  EXPECT_EQ(request.headers[3].value, "token");
  EXPECT_NE(request.headers[4].value.find("x-amz-security-token, "), std::string::npos);
  EXPECT_EQ(request.headers[4].value.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace varve::net
