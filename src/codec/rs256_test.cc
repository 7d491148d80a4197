#include "codec/rs256.h"

#include <gtest/gtest.h>

namespace varve::codec {
namespace {

// Made for this test by `openssl genpkey`, and signed with by `openssl dgst -sha256 -sign`.
const std::string kBody =
    "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAOKEi7r4ovF0/6Tl\n"
    "JEXviBXAOw9G5zVnc5mxuKnD4psOXjqnz9fsPDZGZ6M6Z/opEDlB7xfZsYmGTWAg\n"
    "GP1yS4K8tjE5oAZkPJ5YAgWFwyRvuOGtZlDhcH7/jQjM30z9/2HQmWQRnrDbnymP\n"
    "HCxWqGqXUT9VZ9KD/Mw+JAyEmMwPAgMBAAECgYEAjc2SN9sdDnFC9LRp78oS9CLi\n"
    "Fh858KmxqZ6jTsuNGap1/Nw+9hoyW3vZt0qB+w4n1OBc0B580O4dlDajzk31zFWg\n"
    "saaOsG77ImV5wWZKhz4DFU+M4vefrBnATNSNRsquYCZBlD1lKWD/Ckd/eGvVBBRb\n"
    "aDWn9db9VjCa08JFwkECQQD6dU17Zzc7CgtRIHgvi49Ww3ADJHieY/htyVgD4MlK\n"
    "rNEMMszTuN8f4gjiKaOVod96DtZwDaNHNVxFHAnYs+yvAkEA54eieSbJ6+tTdVMP\n"
    "msr7UhaZqhf/W3YUaOQqQZCnjfnvwGpLTCQDQFm52/DbL5+H/fhVaJyMQRu9+6h7\n"
    "sQ6uoQJBAODSnWvRuj1QBdqcJ+aeA1xh8VGQ0olzudRrMYvBo09aFAk8LKs9P2Ty\n"
    "VQEXWZV/CgkZ+pn5VAEewCX1Rk11LVcCQAjkX6wRfk3OQu1NnFrQkuhrL8mllEwZ\n"
    "89y3bpwIBzdfswKL0oqBE5LkH0xAKtrgYKOzZuxWnthdTWWd6eo56yECQQCtPCYR\n"
    "wyLO0n6dzdBVjAK3K2cS6Iu+2cJ+NL0My7K7gTjOqnAjXIL7xDqfTXIPsWqZeopN\n"
    "hWDbEVZ45FPcfp8/\n";
const std::string kKey = "-----BEGIN PRIVATE KEY-----\n" + kBody + "-----END PRIVATE KEY-----\n";

TEST(Rs256, SignsAsOpensslDoes) {
  const auto signature = rs256(kKey, as_bytes("hello world"));
  ASSERT_TRUE(signature);
  EXPECT_EQ(to_hex(*signature),
            "3793ccdae6e8f84ba3b37fb24c9bc7aa9209addfd74c01787eb047776b9001f96de043fb74d921344e028ff67cbdd2181e523fee2f"
            "4b180d6c37d375112c9edc"
            "edddc7c91459ab5dabb26f2eabf569c53480bde9cbbec2b76aa7ada1e638c3dc83cbeeedf793c578627bbdda0255df65fb87f1a0e9"
            "668551fa52dfa4bd2cd464");
}

TEST(Rs256, TakesNothingElseForAKey) {
  EXPECT_FALSE(rs256("", as_bytes("x")));
  EXPECT_FALSE(rs256("-----BEGIN PRIVATE KEY-----\n", as_bytes("x")));
  EXPECT_FALSE(rs256(kKey.substr(0, kKey.size() / 2), as_bytes("x")));
}

}  // namespace
}  // namespace varve::codec
