#include "cli/text_file.h"

#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "codec/utf8.h"
#include "storage/posix.h"

namespace varve::cli {

namespace {

std::string from_utf16(std::string_view text, bool big_endian) {
  std::vector<char32_t> units;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto first = static_cast<uint8_t>(text[i]);
    const auto second = static_cast<uint8_t>(text[i + 1]);
    units.push_back(big_endian ? first << 8 | second : second << 8 | first);
  }
  std::string out;
  for (size_t i = 0; i < units.size(); ++i) {
    char32_t rune = units[i];
    const bool is_pair = (rune & 0xfc00) == 0xd800 && i + 1 < units.size() && (units[i + 1] & 0xfc00) == 0xdc00;
    if (is_pair) rune = 0x10000 + ((rune & 0x3ff) << 10 | (units[++i] & 0x3ff));
    codec::append_rune(out, codec::is_valid_rune(rune) ? rune : codec::kReplacement);
  }
  return out;
}

std::string decoded(std::string text) {
  if (text.starts_with("\xef\xbb\xbf")) return text.substr(3);
  if (text.starts_with("\xfe\xff")) return from_utf16(std::string_view(text).substr(2), true);
  if (text.starts_with("\xff\xfe")) return from_utf16(std::string_view(text).substr(2), false);
  return text;
}

Result<std::string> read_all(int fd, const std::string& path) {
  std::string text;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error("cannot read " + path, errno));
    if (got == 0) return decoded(std::move(text));
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  TRY_ASSIGN(const auto file, storage::posix::open_file(path, O_RDONLY));
  return read_all(file.get(), path);
}

Result<std::string> read_text(const std::string& path) {
  return path == "-" ? read_all(STDIN_FILENO, path) : read_text_file(path);
}

}  // namespace varve::cli
