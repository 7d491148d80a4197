#include "storage/rclone.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/parse.h"
#include "storage/words.h"

namespace varve::storage {

namespace {

using namespace std::chrono_literals;

constexpr auto kStartWithin = 60s;  // restic's -o rclone.timeout
constexpr std::string_view kServingAt = "http://127.0.0.1:";
constexpr size_t kShown = 400;
/// What is sent lies in rclone's buffers for as long as the line to the store takes.
constexpr auto kStallTimeout = 1h;

std::string random_word() {
  std::array<uint8_t, 16> random;
  random_bytes(random);
  return to_hex(random);
}

/// A place may have the remote's settings in it, as :s3,secret_access_key=WORD:BUCKET does: shown is only which.
std::string without_settings(std::string_view remote) {
  size_t at = std::min(remote.find_first_of(",:", 1), remote.size());  // a colon at the beginning is a part of the name
  std::string out(remote.substr(0, at));
  while (at < remote.size() && remote[at] == ',') {
    const size_t end = std::min(remote.find_first_of("=,:", at + 1), remote.size());
    out += remote.substr(at, end - at);
    at = end;
    if (at == remote.size() || remote[at] != '=') continue;
    out += "=***";
    const char quote = ++at < remote.size() ? remote[at] : '\0';
    if (quote == '"' || quote == '\'') {  // which is written twice within
      do at = std::min(remote.find(quote, at + 1), remote.size() - 1) + 1;
      while (at < remote.size() && remote[at] == quote);
    }
    at = std::min(remote.find_first_of(",:", at), remote.size());
  }
  return out.append(remote.substr(at));
}

/// "http://127.0.0.1:4711/" in what rclone says when it is ready.
std::optional<uint16_t> port_in(std::string_view complaints) {
  const size_t found = complaints.find(kServingAt);
  if (found == std::string_view::npos) return std::nullopt;
  const auto rest = complaints.substr(found + kServingAt.size());
  const size_t end = rest.find_first_not_of("0123456789");
  if (end == std::string_view::npos) return std::nullopt;  // there is more to come
  return parse_number<uint16_t>(rest.substr(0, end));
}

/// For its line to be there and to come to us, whatever the user has set.
std::vector<std::pair<std::string, std::string>> environment(const std::string& user, const std::string& password) {
  return {{"RCLONE_USER", user},           {"RCLONE_PASS", password},        {"RCLONE_LOG_LEVEL", "NOTICE"},
          {"RCLONE_LOG_FILE", ""},         {"RCLONE_USE_JSON_LOG", "false"}, {"RCLONE_SYSLOG", "false"},
          {"RCLONE_ASK_PASSWORD", "false"}};
}

bool serves_restic(const std::vector<std::string>& words) {
  const auto serve = std::ranges::find(words, "serve");
  return serve != words.end() && std::find(serve, words.end(), "restic") != words.end();
}

}  // namespace

Result<std::vector<std::string>> rclone_command(const std::string& remote, const RcloneSettings& settings) {
  if (remote.find(':') == std::string::npos || remote.starts_with('-')) {
    return fail(Error(ErrorKind::kInvalidInput,
                      fmt::format("\"rclone:{}\" names no place of rclone's", without_settings(remote)))
                    .hint("rclone:REMOTE:PATH does; `rclone listremotes` shows the remotes"));
  }
  TRY_ASSIGN(auto words, split_words(settings.program, "rclone.program"));
  if (words.empty()) return fail(ErrorKind::kInvalidInput, "-o rclone.program names no program");
  TRY_ASSIGN(auto args, split_words(settings.args, "rclone.args"));
  std::erase(args, "--stdio");
  // It would say that a file is there because it once saw it there.
  if (serves_restic(args)) args.push_back("--cache-objects=false");
  words.insert(words.end(), args.begin(), args.end());
  words.insert(words.end(), {"--addr", "127.0.0.1:0", remote});
  return words;
}

RcloneStorage::RcloneStorage(std::string remote, std::vector<std::string> command, net::ClientOptions options,
                             unsigned connections)
    : remote_(std::move(remote)),
      shown_(without_settings(remote_)),
      command_(std::move(command)),
      options_([&] {
        options.direct = true;  // a proxy is for other machines
        options.stall_timeout = std::max<std::chrono::seconds>(options.stall_timeout, kStallTimeout);
        return std::move(options);
      }()),
      connections_(connections) {}

/// The last of what it says, in which the place may be.
std::string RcloneStorage::words_of(const net::Child& program) const {
  auto words = program.complaints();
  for (size_t at = 0; shown_ != remote_ && (at = words.find(remote_, at)) != std::string::npos; at += shown_.size()) {
    words.replace(at, remote_.size(), shown_);
  }
  return words.size() <= kShown ? words : "..." + words.substr(words.size() - kShown);
}

Error RcloneStorage::not_serving(const net::Child& program) const {
  const auto end = program.end();
  const auto words = words_of(program);
  const auto why = !words.empty() ? "it says: " + words : end ? "it " + *end : "it is silent";
  // At first the place will be wrong; later something is that may pass.
  return Error(served_ ? ErrorKind::kUnavailable : ErrorKind::kUnsupported,
               fmt::format("rclone does not serve {}: {}", location(), why))
      .hint("`rclone lsd " + shown_ + "` shows whether rclone gets there");
}

Result<std::shared_ptr<RcloneStorage::Server>> RcloneStorage::start(const Cancel& cancel) {
  const auto user = random_word(), password = random_word();
  auto program = net::Child::start({.words = command_, .environment = environment(user, password)});
  if (!program) {
    return fail(
        std::move(program).error().hint("is rclone installed, such as by `apt install rclone`? -o rclone.program=PATH "
                                        "names one that is not on the PATH"));
  }
  const auto until = system_clock().ticks() + kStartWithin;
  auto words = (*program)->complaints();
  for (; !port_in(words); words = (*program)->complaints()) {
    TRY(cancel.check());
    if ((*program)->end() || system_clock().ticks() > until) return fail(not_serving(**program));
    (void)(*program)->wait_for(std::string(kServingAt), 100ms, cancel);
    if (port_in((*program)->complaints())) continue;
    (void)cancel.sleep(10ms);  // for the rest of the line
  }
  served_ = true;
  (*program)->forget_complaints();
  RestPlace place{.url = fmt::format("{}{}/", kServingAt, *port_in(words)),
                  .user = user,
                  .password = password,
                  .shown = location() + (remote_.ends_with(':') || remote_.ends_with('/') ? "" : "/"),
                  .is_rclone = true};
  return std::shared_ptr<Server>(
      new Server{*std::move(program), RestStorage(std::move(place), options_, connections_)});
}

Result<std::shared_ptr<RcloneStorage::Server>> RcloneStorage::server(const Cancel& cancel) {
  return server_.get(
      cancel, [](const Server& server) { return server.program->end() ? Use::kOver : Use::kGood; },
      [&] { return start(cancel); });
}

template <typename R>
R RcloneStorage::ask(const Cancel& cancel, const std::function<R(RestStorage&)>& call) {
  TRY_ASSIGN(const auto server, server(cancel));
  R done = call(server->rest);
  if (done || done.error().kind() != ErrorKind::kUnavailable) return done;
  server->program->wait_for_end(50ms);
  const auto words = words_of(*server->program);
  const auto end = server->program->end();
  if (end) return fail(std::move(done).error().within("rclone " + *end));
  if (words.empty()) return done;
  return fail(std::move(done).error().within("rclone says: " + words));
}

Status RcloneStorage::create(const Cancel& cancel) {
  return ask<Status>(cancel, [&](RestStorage& rest) { return rest.create(cancel); });
}

Status RcloneStorage::put(const Handle& handle, Payload payload, const Cancel& cancel) {
  return ask<Status>(cancel, [&](RestStorage& rest) { return rest.put(handle, payload, cancel); });
}

Result<Bytes> RcloneStorage::get(const Handle& handle, uint64_t offset, uint64_t length, const Cancel& cancel) {
  return ask<Result<Bytes>>(cancel, [&](RestStorage& rest) { return rest.get(handle, offset, length, cancel); });
}

Result<uint64_t> RcloneStorage::stat(const Handle& handle, const Cancel& cancel) {
  return ask<Result<uint64_t>>(cancel, [&](RestStorage& rest) { return rest.stat(handle, cancel); });
}

Status RcloneStorage::list(FileType type, const std::function<Status(const FileInfo&)>& visit, const Cancel& cancel) {
  return ask<Status>(cancel, [&](RestStorage& rest) { return rest.list(type, visit, cancel); });
}

Status RcloneStorage::remove(const Handle& handle, const Cancel& cancel) {
  return ask<Status>(cancel, [&](RestStorage& rest) { return rest.remove(handle, cancel); });
}

}  // namespace varve::storage
