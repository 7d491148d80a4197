#include "net/sftp_packet.h"

#include <gtest/gtest.h>

namespace varve::net {
namespace {

TEST(SftpFields, AreWrittenAsTheProtocolHasThem) {
  const auto fields = SftpFields().string("ab").u64(0x0102030405060708).u32(9).mode(0400);
  const uint8_t expected[] = {0, 0, 0, 2, 'a', 'b', 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 1, 0};
  EXPECT_EQ(fields.bytes(), to_bytes(expected));
}

TEST(SftpParser, ReadsWhatWasWritten) {
  const auto fields = SftpFields().u64(uint64_t{1} << 40).string("name").u32(7);
  SftpParser parser(fields.bytes());
  EXPECT_EQ(parser.u64(), uint64_t{1} << 40);
  EXPECT_EQ(parser.text(), "name");
  EXPECT_EQ(parser.u32(), 7u);
  EXPECT_TRUE(parser.good() && parser.at_end());
}

TEST(SftpParser, PassesOverTheAttributesThatItDoesNotWant) {
  SftpFields fields;
  fields.u32(0x8000000f).u64(1000).u32(1).u32(2).u32(0100640).u32(3).u32(4);
  fields.u32(1).string("type@example.com").string("value").u32(99);
  SftpParser parser(fields.bytes());
  const auto attributes = parser.attributes();
  EXPECT_EQ(attributes.size, 1000u);
  EXPECT_EQ(attributes.mode, 0100640u);
  EXPECT_TRUE(attributes.is_file());
  EXPECT_FALSE(attributes.is_folder() || attributes.is_link());
  EXPECT_EQ(parser.u32(), 99u);
  EXPECT_TRUE(parser.good());
}

TEST(SftpParser, TellsWhatEndsTooEarly) {
  const auto fields = SftpFields().u32(1000).u32(0);  // a string that is longer than the packet
  SftpParser parser(fields.bytes());
  EXPECT_TRUE(parser.string().empty());
  EXPECT_FALSE(parser.good());
  EXPECT_EQ(parser.u64(), 0u);
  const auto endless = SftpFields().u32(0x80000000).u32(0xffffffff);
  SftpParser hostile(endless.bytes());
  hostile.attributes();
  EXPECT_FALSE(hostile.good());
}

}  // namespace
}  // namespace varve::net
