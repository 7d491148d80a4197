#include "storage/azure_login.h"

#include <gtest/gtest.h>

namespace varve::storage {
namespace {

const std::string kKey = "c2VjcmV0IGtleQ==";

TEST(AzureLogin, TakesTheVariablesThatResticTakes) {
  const auto by_key = azure_login({.account = "shop", .key = kKey, .sas = "sig=x"});
  ASSERT_TRUE(by_key);
  EXPECT_EQ(by_key->endpoint, "https://shop.blob.core.windows.net");
  EXPECT_EQ(by_key->key.account, "shop");
  EXPECT_EQ(as_text(by_key->key.secret), "secret key");
  EXPECT_EQ(by_key->sas, "");
  const auto by_sas =
      azure_login({.account = "shop", .sas = "?sv=1&sig=a%3D", .endpoint_suffix = "core.chinacloudapi.cn"});
  ASSERT_TRUE(by_sas);
  EXPECT_EQ(by_sas->endpoint, "https://shop.blob.core.chinacloudapi.cn");
  EXPECT_EQ(by_sas->sas, "sv=1&sig=a%3D");
  EXPECT_TRUE(by_sas->key.secret.empty());
}

TEST(AzureLogin, TakesAConnectionString) {
  const auto usual =
      azure_login({.connection_string = "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=" + kKey +
                                        ";EndpointSuffix=core.usgovcloudapi.net"});
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->endpoint, "https://shop.blob.core.usgovcloudapi.net");
  EXPECT_EQ(as_text(usual->key.secret), "secret key");
  const auto emulator = azure_login(
      {.account = "dev",
       .connection_string = "AccountName=dev;AccountKey=" + kKey + ";BlobEndpoint=http://127.0.0.1:1/dev/;"});
  ASSERT_TRUE(emulator);
  EXPECT_EQ(emulator->endpoint, "http://127.0.0.1:1/dev");
  EXPECT_EQ(emulator->key.account, "dev");
  const auto with_sas =
      azure_login({.connection_string = "BlobEndpoint=https://shop.blob.host/;SharedAccessSignature=sv=1&sig=a%3D"});
  ASSERT_TRUE(with_sas);
  EXPECT_EQ(with_sas->endpoint, "https://shop.blob.host");
  EXPECT_EQ(with_sas->sas, "sv=1&sig=a%3D");
}

TEST(AzureLogin, SaysWhatIsMissingOrWrongAndNoSecret) {
  const std::pair<AzureSettings, const char*> wrong[] = {
      {{}, "there is no login"},
      {{.account = "shop"}, "AZURE_ACCOUNT_KEY and AZURE_ACCOUNT_SAS are missing"},
      {{.key = kKey}, "AZURE_ACCOUNT_NAME is missing"},
      {{.account = "shop", .connection_string = "AccountName=dev;AccountKey=" + kKey}, "may be of another account"},
      {{.key = kKey, .connection_string = "AccountName=dev;AccountKey=" + kKey}, "may be of another account"},
      {{.account = "evil/", .key = kKey}, "no name of an account"},
      {{.account = "shop", .key = "hidden!"}, "the key in AZURE_ACCOUNT_KEY is not whole"},
      {{.account = "shop", .sas = "sv=hidden"}, "the shared access signature in AZURE_ACCOUNT_SAS is not whole"},
      {{.account = "shop", .sas = "sig=hidden\r\nx"}, "is not whole"},
      {{.connection_string = "hidden"}, "no name of an account"},
      {{.connection_string = "AccountName=shop"}, "neither AccountKey nor SharedAccessSignature"},
      {{.connection_string = "AccountName=shop;AccountKey=hidden"}, "the key in AZURE_STORAGE_CONNECTION_STRING"},
      {{.connection_string = "AccountName=a;AccountKey=" + kKey + ";BlobEndpoint=ftp://hidden"}, "no URL of a server"}};
  for (const auto& [settings, words] : wrong) {
    const auto login = azure_login(settings);
    ASSERT_FALSE(login) << words;
    EXPECT_EQ(login.error().kind(), ErrorKind::kInvalidInput);
    EXPECT_NE(login.error().message().find(words), std::string::npos) << login.error().message();
    EXPECT_EQ(login.error().message().find("hidden"), std::string::npos);
    EXPECT_EQ(login.error().message().find(kKey), std::string::npos);
  }
}

}  // namespace
}  // namespace varve::storage
