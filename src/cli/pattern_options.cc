#include "cli/pattern_options.h"

#include <array>
#include <cerrno>
#include <cstdlib>

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

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

Result<std::vector<std::string>> with_files(std::vector<std::string> patterns, const std::vector<std::string>& files) {
  for (const auto& file : files) {
    TRY_ASSIGN(const auto text, read_text(file));
    for (auto& pattern : files::patterns_in(text, environment)) patterns.push_back(std::move(pattern));
  }
  return patterns;
}

}  // namespace

Result<std::string> read_text(const std::string& path) {
  const bool from_stdin = path == "-";
  TRY_ASSIGN(const auto file, from_stdin ? storage::posix::Fd() : storage::posix::open_file(path, O_RDONLY));
  const int fd = from_stdin ? STDIN_FILENO : file.get();
  std::string text;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error("cannot read " + path, errno));
    if (got == 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  if (text.starts_with("\xef\xbb\xbf")) return text.substr(3);
  if (text.starts_with("\xfe\xff")) return from_utf16(std::string_view(text).substr(2), true);
  if (text.starts_with("\xff\xfe")) return from_utf16(std::string_view(text).substr(2), false);
  return text;
}

bool PatternOptions::empty() const {
  return patterns.empty() && any_case.empty() && files.empty() && any_case_files.empty();
}

Result<files::ExcludeRules> PatternOptions::rules() const {
  files::ExcludeRules rules;
  TRY_ASSIGN(const auto exact, with_files(patterns, files));
  TRY(rules.add(exact, false));
  TRY_ASSIGN(const auto folded, with_files(any_case, any_case_files));
  TRY(rules.add(folded, true));
  return rules;
}

void add_pattern_options(Command& command, PatternOptions& options, const std::string& verb,
                         const std::string& meaning) {
  const auto add = [&](const std::string& names, std::vector<std::string>& into, const std::string& help,
                       const std::string& kind) { command.add_option(names, into, help)->type_name(kind); };
  const std::string letter = verb.substr(0, 1);
  add("-" + letter + ",--" + verb, options.patterns, meaning + " PATTERN", "PATTERN");
  add("--i" + verb, options.any_case, "the same, whether letters are large or small", "PATTERN");
  add("--" + verb + "-file", options.files, "read such patterns from FILE, one a line", "FILE");
  add("--i" + verb + "-file", options.any_case_files, "the same, whether letters are large or small", "FILE");
}

}  // namespace varve::cli
