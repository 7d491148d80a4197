#include "job/lock_journal.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace varve::job {

namespace {

namespace posix = storage::posix;
using Json = nlohmann::ordered_json;

constexpr size_t kLargest = 64 << 10;
constexpr std::string_view kSuffix = ".json";

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Status append(const posix::Fd& file, const std::string& path, const std::string& line) {
  const ByteView piece = as_bytes(line);
  TRY(posix::write_all(file, path, {&piece, 1}, Cancel()));
  return posix::sync(file, path);
}

std::string text_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t number_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

/// Nothing if the line is not an object.
std::optional<Json> parse_line(std::string_view line) {
  auto json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

LockRecord record_from(const Json& json) {
  LockRecord record;
  record.run = text_at(json, "run");
  record.time = parse_rfc3339(text_at(json, "time")).value_or(Time());
  record.holder.hostname = text_at(json, "host");
  record.holder.pid = static_cast<uint64_t>(number_at(json, "pid"));
  record.holder_began = parse_rfc3339(text_at(json, "pid_began")).value_or(Time());
  record.server.host = text_at(json, "server");
  record.server.process = text_at(json, "server_process");
  record.server.pid = number_at(json, "server_pid");
  record.server.started = number_at(json, "server_started");
  return record;
}

/// Nothing if somebody has it open, or it is gone by now.
Result<std::optional<posix::Fd>> open_if_left(const std::string& path) {
  auto file = posix::open_file(path, O_RDWR | O_APPEND | O_NOFOLLOW);
  if (!file && file.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  if (!file) return fail(file.error());
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  struct stat info;
  if (::fstat(file->get(), &info) != 0 || info.st_nlink == 0) return std::nullopt;
  return std::optional(std::move(*file));
}

Result<LockRecord> read_record(const posix::Fd& file, const std::string& path) {
  TRY_ASSIGN(const auto size, posix::file_size(file, path));
  std::string content(std::min<uint64_t>(size, kLargest), '\0');
  TRY(posix::read_at(file, path, 0, {reinterpret_cast<uint8_t*>(content.data()), content.size()}));
  return decode_lock_record(content);
}

}  // namespace

std::string encode_lock_record(const LockRecord& record) {
  Json json;
  json["run"] = record.run;
  json["time"] = format_rfc3339(record.time);
  json["host"] = record.holder.hostname;
  json["pid"] = record.holder.pid;
  json["pid_began"] = format_rfc3339(record.holder_began);
  json["server"] = record.server.host;
  json["server_process"] = record.server.process;
  json["server_pid"] = record.server.pid;
  json["server_started"] = record.server.started;
  return line_of(json);
}

Result<LockRecord> decode_lock_record(std::string_view content) {
  const size_t first_end = content.find('\n');
  const auto first = parse_line(content.substr(0, first_end));
  if (first_end == std::string_view::npos || !first || text_at(*first, "server").empty()) {
    return fail(ErrorKind::kCorrupt, "no record of a lock");
  }
  auto record = record_from(*first);
  const auto rest = content.substr(first_end + 1);
  const auto second = parse_line(rest.substr(0, rest.find('\n')));
  if (second && number_at(*second, "locks") == 1) {
    record.held = mongo::FsyncLock{number_at(*second, "others"), number_at(*second, "operation")};
  }
  return record;
}

Result<LockJournal> LockJournal::create(const std::string& folder, const LockRecord& record) {
  TRY(posix::make_folders(folder));
  const std::string path = folder + "/" + record.run + std::string(kSuffix);
  const std::string unnamed = path + ".new";
  TRY_ASSIGN(auto file, posix::open_file(unnamed, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return fail(system_error("cannot lock " + unnamed, errno));
  auto written = append(file, unnamed, encode_lock_record(record));
  if (written) written = posix::rename_new(unnamed, path);
  if (!written) ::unlink(unnamed.c_str());
  TRY(written);
  TRY(posix::sync_folder(folder));
  return LockJournal(std::move(file), path);
}

Status LockJournal::add_held(const mongo::FsyncLock& lock) {
  Json json;
  json["locks"] = 1;
  json["others"] = lock.others;
  json["operation"] = lock.operation;
  return append(file_, path_, line_of(json));
}

Status LockJournal::remove() const {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return fail(system_error("cannot remove " + path_, errno));
  return posix::sync_folder(posix::parent_of(path_));
}

Result<std::vector<LeftLock>> locks_left_behind(const std::string& folder, std::vector<std::string>& unreadable) {
  std::vector<LeftLock> left;
  const auto names = posix::names_in(folder);
  if (!names && names.error().kind() == ErrorKind::kNotFound) return left;
  if (!names) return fail(names.error());
  for (const auto& name : *names) {
    if (!name.ends_with(kSuffix)) continue;
    const std::string path = folder + "/" + name;
    TRY_ASSIGN(auto file, open_if_left(path));
    if (!file) continue;
    auto record = read_record(*file, path);
    if (record) {
      left.push_back({LockJournal(std::move(*file), path), std::move(*record)});
    } else {
      unreadable.push_back(path);
    }
  }
  return left;
}

}  // namespace varve::job
