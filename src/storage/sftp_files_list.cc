// Listings of many folders at a time.
#include <algorithm>

#include <fmt/format.h>

#include "storage/sftp_files.h"

namespace varve::storage {

namespace {

using net::SftpCode;
using net::SftpFields;
using net::SftpParser;
using net::SftpType;

constexpr size_t kAtOnce = 64;           // folders; a server has only so many handles
constexpr size_t kLargest = 512u << 20;  // bytes of all entries; of a million packs they are a quarter of that

using Folder = std::optional<std::vector<SftpEntry>>;

/// An answer to kReadFolder, how many bytes its entries take; nothing if it is none. Where no names are left it would
/// say so.
std::optional<size_t> take_entries(ByteView body, std::vector<SftpEntry>& out) {
  SftpParser parser(body);
  const uint32_t count = parser.u32();
  size_t size = 0;
  for (uint32_t left = count; left > 0 && parser.good(); --left) {
    SftpEntry entry{.name = parser.text(), .attributes = {}};
    parser.string();  // as ls would show it
    entry.attributes = parser.attributes();
    size += sizeof entry + entry.name.size();
    if (parser.good()) out.push_back(std::move(entry));
  }
  return parser.good() && count > 0 ? std::optional(size) : std::nullopt;
}

}  // namespace

Result<std::vector<Folder>> SftpFiles::read_folders(std::span<const std::string> paths) {
  std::vector<Folder> out(paths.size());
  size_t room = kLargest;
  for (size_t begin = 0; begin < paths.size(); begin += kAtOnce) {
    const auto some = paths.subspan(begin, std::min(kAtOnce, paths.size() - begin));
    for (const auto& path : some) TRY(calls_.send(SftpType::kOpenFolder, SftpFields().string(path)));
    std::vector<std::optional<std::string>> handles(some.size());
    Status opened;
    for (size_t i = 0; i < some.size(); ++i) {
      auto handle = take_handle("list " + shown(some[i]));
      if (handle)
        handles[i] = *std::move(handle);
      else if (handle.error().kind() != ErrorKind::kNotFound)
        opened = fail(std::move(handle).error());
    }
    const auto done = opened ? read_opened(handles, some, std::span(out).subspan(begin), room) : opened;
    calls_.forget();
    for (const auto& handle : handles) {
      if (handle) TRY(calls_.send(SftpType::kClose, SftpFields().string(*handle)));
    }
    calls_.forget();
    TRY(done);
  }
  return out;
}

/// Asks each for the next of its names until none has any left. `room` is how many bytes of them are taken.
Status SftpFiles::read_opened(std::span<const std::optional<std::string>> handles, std::span<const std::string> paths,
                              std::span<Folder> out, size_t& room) {
  std::vector<size_t> open;
  for (size_t i = 0; i < handles.size(); ++i) {
    if (!handles[i]) continue;
    out[i].emplace();
    open.push_back(i);
  }
  while (!open.empty()) {
    for (const size_t i : open) TRY(calls_.send(SftpType::kReadFolder, SftpFields().string(*handles[i])));
    std::vector<size_t> more;
    for (const size_t i : open) {
      const auto what = "list " + shown(paths[i]);
      const auto reply = take(SftpType::kName, what);
      if (!reply && reply.error().code() == static_cast<int>(SftpCode::kEnd)) continue;
      if (!reply) return fail(reply.error());
      const auto size = take_entries(reply->body, *out[i]);
      if (!size) return fail(ErrorKind::kUnavailable, fmt::format("cannot {}: the answer is no listing", what));
      if (*size > room) return fail(ErrorKind::kUnsupported, fmt::format("cannot {}: there is no end of it", what));
      room -= *size;
      more.push_back(i);
    }
    open = std::move(more);
  }
  return {};
}

}  // namespace varve::storage
