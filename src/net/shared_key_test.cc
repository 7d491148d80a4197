#include "net/shared_key.h"

#include <gtest/gtest.h>

#include "codec/base64.h"
#include "net/encoding.h"

namespace varve::net {
namespace {

// The emulator's account, which everybody knows.
const AzureKey kKey{"devstoreaccount1",
                    *codec::from_base64("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
                                        "K1SZFPTOtr/KBHBeksoGMGw==")};
const Time kNow = *parse_rfc3339("2026-11-21T10:00:00.5Z");

std::string signature(Request request) {
  request.headers.push_back({"x-ms-version", "2021-12-02"});
  sign_shared_key(request, kKey, kNow);
  EXPECT_EQ(request.headers.back().name, "authorization");
  return request.headers.back().value;
}

Request upload(const std::string& account_url) {
  static const ByteView kBody[] = {as_bytes("hello "), as_bytes("world")};
  return {.method = "PUT",
          .url = account_url + "/cont/data/ab/abcd",
          .headers = {{"content-md5", "XrY7u+Ae7tCTyyK7j1rNww=="},
                      {"content-type", "application/octet-stream"},
                      {"x-ms-blob-type", "BlockBlob"}},
          .body = kBody};
}

TEST(SharedKey, SignsAnUploadToAHostOfTheAccount) {
  EXPECT_EQ(signature(upload("https://devstoreaccount1.blob.core.windows.net")),
            "SharedKey devstoreaccount1:pZmy4QtJUVK6HR5aVoxglExV1qLguOvH1KKlsGRvWmE=");
}

TEST(SharedKey, SignsTheAccountTwiceWhereItIsAPartOfThePath) {
  EXPECT_EQ(signature(upload("http://127.0.0.1:10000/devstoreaccount1")),
            "SharedKey devstoreaccount1:geJPNWHB3Q84pnMRk2LL2pJET53+C3IXXZb/rQh/ZXk=");
}

TEST(SharedKey, SignsTheFieldsOfAQueryDecodedAndInOrder) {
  const auto query = query_string({{"restype", "container"}, {"comp", "list"}, {"prefix", "data/"}, {"marker", "x y"}});
  EXPECT_EQ(signature({.url = "http://127.0.0.1:10000/devstoreaccount1/cont?" + query}),
            "SharedKey devstoreaccount1:Gg3Eyvcj1ID/V4C9FW9xxEW9LtuTY0gD2wzviAPtG1c=");
}

TEST(SharedKey, SignsTextsOfThisForm) {
  EXPECT_EQ(shared_key_text({.method = "HEAD",
                             .url = "https://a.host/c/a%20b",
                             .headers = {{"x-ms-b", "2"}, {"range", "bytes=0-9"}, {"x-ms-a", ""}, {"accept", "x"}}},
                            "a"),
            "HEAD\n\n\n\n\n\n\n\n\n\n\nbytes=0-9\nx-ms-a:\nx-ms-b:2\n/a/c/a%20b");
}

TEST(HttpDate, IsWrittenAsItIsRead) {
  for (const char* text :
       {"Sat, 21 Nov 2026 10:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 29 Feb 2024 23:59:59 GMT"}) {
    EXPECT_EQ(format_http_date(*parse_http_date(text)), text);
  }
}

}  // namespace
}  // namespace varve::net
