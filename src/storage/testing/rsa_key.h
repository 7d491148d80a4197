#pragma once

#include <string>

namespace varve::storage::testing {

/// A key that is used nowhere else, as Google gives them out: PEM.
inline std::string rsa_key() {
  const std::string body =
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
  return "-----BEGIN PRIVATE KEY-----\n" + body + "-----END PRIVATE KEY-----\n";
}

/// The file of a service account that has it.
inline std::string service_account(const std::string& token_url) {
  std::string key = rsa_key();
  for (size_t at = 0; (at = key.find('\n', at)) != std::string::npos; at += 2) key.replace(at, 1, "\\n");
  return R"({"type":"service_account","client_email":"shop@project.example","private_key_id":"k1","private_key":")" +
         key + R"(","token_uri":")" + token_url + "\"}";
}

/// What it asks for a token with at 1,800,000,000, of https://host/token.
inline const std::string kAssertion =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJhdWQiOiJodHRwczovL2hvc3QvdG9rZW4iLCJleHAiOjE4"
    "MDAwMDM2MDAsImlhdCI6MTgwMDAwMDAwMCwiaXNzIjoic2hvcEBwcm9qZWN0LmV4YW1wbGUiLCJzY29wZSI6Imh0dHBzOi8vd3d3"
    "Lmdvb2dsZWFwaXMuY29tL2F1dGgvZGV2c3RvcmFnZS5yZWFkX3dyaXRlIn0.wRg7dX8Y0U2VKnOJDCLGp-pV3kgFlg8r83j4X1M-"
    "jpwLMBEGJr6ZEIkm9owZvHmcSTpaVSVI93Xy8KGmYhzPG7Ef4n1KD_4zlVvFKhlpI0u2aYl_K_S5hJObf2_pqCT2_2Caz84ES-M_"
    "aD56WCRNx5e6FkRdto-wZu7OYlAx4Qo";

}  // namespace varve::storage::testing
