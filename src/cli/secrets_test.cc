#include "cli/secrets.h"

#include <fstream>

#include <gtest/gtest.h>

#include "storage/testing/helpers.h"

namespace varve::cli {
namespace {

TEST(Secrets, AreWhatIsInAFileWithoutTheSpaceAroundIt) {
  const storage::testing::TemporaryFolder folder;
  const auto path = folder.path() + "/password";
  const std::pair<std::string, std::string> cases[] = {
      {"secret\n", "secret"},
      {"\n\n two words \r\nand lines\t\n\n", "two words \r\nand lines"},
      {"\xef\xbb\xbfmarked", "marked"},
      {{"\xff\xfe\x31\x00\xe4\x00\x0a\x00", 8}, "1\u00e4"},
  };
  for (const auto& [content, expected] : cases) {
    std::ofstream(path, std::ios::binary) << content;
    EXPECT_EQ(file_content(path), expected);
  }
  std::ofstream(path) << " \n";
  EXPECT_EQ(file_content(path).error().kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(file_content(folder.path() + "/none").error().kind(), ErrorKind::kNotFound);
}

TEST(Secrets, AreWhatACommandPrintsWithoutTheSpaceAroundIt) {
  EXPECT_EQ(command_output("printf '\\n two words \\nand lines\\n\\n'"), "two words \nand lines");
  EXPECT_EQ(command_output("echo half; exit 3").error().kind(), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace varve::cli
