#include "storage/sftp_place.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/parse.h"
#include "net/encoding.h"
#include "storage/words.h"

namespace varve::storage {

namespace {

tl::unexpected<Error> badly_written(std::string_view why) {
  return fail(Error(ErrorKind::kInvalidInput, fmt::format("the place on an SFTP server is not well written: {}", why))
                  .hint("such as sftp:user@host:/srv/shop or sftp://user@host:2222//srv/shop"));
}

/// "user@host", of which the host has no @.
void take_user(std::string_view text, SftpPlace& place) {
  const size_t at = text.rfind('@');
  place.host = text.substr(at == std::string_view::npos ? 0 : at + 1);
  if (at != std::string_view::npos) place.user = text.substr(0, at);
}

/// [user@]host[:port], an IPv6 address in brackets.
Status take_authority(std::string_view text, SftpPlace& place) {
  take_user(text, place);
  if (place.user.find(':') != std::string::npos) return badly_written("ssh takes no password from there");
  const auto user = net::percent_decoded(place.user);
  if (!user) return badly_written("its user");
  place.user = *user;
  const size_t bracket = place.host.find(']');
  const size_t colon = place.host.find(':', bracket == std::string::npos ? 0 : bracket);
  if (colon != std::string::npos) {
    place.port = parse_number<uint16_t>(std::string_view(place.host).substr(colon + 1));
    if (!place.port) return badly_written("its port");
    place.host.resize(colon);
  }
  if (place.host.starts_with('[') && place.host.ends_with(']'))
    place.host = place.host.substr(1, place.host.size() - 2);
  return {};
}

Status take_url(std::string_view text, SftpPlace& place) {
  const size_t slash = text.find('/');
  TRY(take_authority(text.substr(0, slash), place));
  if (slash == std::string_view::npos) return badly_written("it has no folder");
  const auto folder = net::percent_decoded(text.substr(slash + 1));
  if (!folder) return badly_written("its folder");
  place.folder = *folder;
  return {};
}

Status take_short(std::string_view text, SftpPlace& place) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return badly_written("it has no colon before its folder");
  take_user(text.substr(0, colon), place);
  place.folder = text.substr(colon + 1);
  return {};
}

/// Without what a path may have too much of: a/./b//c/.
std::string cleaned(std::string_view path) {
  std::string out(path.starts_with('/') ? "/" : "");
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (!out.empty() && out != "/") out += '/';
    out += part;
  }
  return out.empty() ? "." : out;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

}  // namespace

Result<SftpPlace> SftpPlace::parse(std::string_view text) {
  SftpPlace place;
  TRY(text.starts_with("//") ? take_url(text.substr(2), place) : take_short(text, place));
  if (place.host.empty()) return badly_written("it has no host");
  // ssh would take it for an option.
  if (place.host.starts_with('-') || has_control(place.host) || has_control(place.user))
    return badly_written("its host");
  if (place.folder.starts_with('~')) {
    return fail(Error(ErrorKind::kInvalidInput, "the folder on an SFTP server begins with ~, which it knows nothing of")
                    .hint("a folder without a slash before it is in the user's home"));
  }
  place.folder = cleaned(place.folder);
  return place;
}

std::string SftpPlace::location() const {
  if (!port && host.find(':') == std::string::npos) return fmt::format("sftp:{}:{}", server(), folder);
  const auto written = host.find(':') == std::string::npos ? host : '[' + host + ']';
  return fmt::format("sftp://{}{}{}{}/{}", net::percent_encoded(user), user.empty() ? "" : "@", written,
                     port ? fmt::format(":{}", *port) : "", folder);
}

Result<std::vector<std::string>> SftpPlace::command(const SftpSettings& settings) const {
  if (!settings.command.empty()) {
    if (!settings.args.empty()) {
      return fail(ErrorKind::kInvalidInput, "-o sftp.command and -o sftp.args cannot be given together");
    }
    TRY_ASSIGN(auto words, split_words(settings.command, "sftp.command"));
    if (words.empty()) return fail(ErrorKind::kInvalidInput, "-o sftp.command names no program");
    return words;
  }
  std::vector<std::string> words{"ssh", host};
  if (port) words.insert(words.end(), {"-p", std::to_string(*port)});
  if (!user.empty()) words.insert(words.end(), {"-l", user});
  TRY_ASSIGN(const auto more, split_words(settings.args, "sftp.args"));
  words.insert(words.end(), more.begin(), more.end());
  words.insert(words.end(), {"-s", "sftp"});
  return words;
}

}  // namespace varve::storage
