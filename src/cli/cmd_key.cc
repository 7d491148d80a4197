#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "cli/local_time.h"
#include "maintenance/key_ring.h"
#include "repo/unpacked.h"

namespace varve::cli {

namespace {

struct NewKeyWords {
  std::string password_file, user, host;
  bool no_password = false;
};

Result<std::string> new_password(const NewKeyWords& words) {
  if (words.no_password && !words.password_file.empty()) {
    return fail(ErrorKind::kInvalidInput, "a password was given, and with --new-insecure-no-password there is none");
  }
  if (words.no_password) return std::string();
  if (!words.password_file.empty()) return file_content(words.password_file);
  auto password = ask_for_new("new password");
  if (!password) return fail(std::move(password).error().hint("--new-password-file names a file that holds it"));
  if (!password->empty()) return password;
  return fail(Error(ErrorKind::kInvalidInput, "an empty password protects nothing; nothing was changed")
                  .hint("--new-insecure-no-password is for a repository that everybody may read"));
}

Result<int> list(Context& context) {
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  TRY_ASSIGN(const auto list, maintenance::list_keys(*repository, repository.cancel));
  auto& output = context.output();
  size_t user = 4, host = 4;
  for (const auto& key : list.keys) {
    user = std::max(user, key.file.username.size());
    host = std::max(host, key.file.hostname.size());
  }
  output.line(fmt::format(" {:<8}  {:<{}}  {:<{}}  {}", "ID", "User", user, "Host", host, "Created"));
  auto array = nlohmann::ordered_json::array();
  for (const auto& key : list.keys) {
    const auto created = local_time_text(key.file.created);
    output.line(fmt::format("{}{}  {:<{}}  {:<{}}  {}", key.current ? '*' : ' ', key.id.short_hex(), key.file.username,
                            user, key.file.hostname, host, created));
    array.push_back({{"current", key.current},
                     {"id", key.id.hex()},
                     {"userName", key.file.username},
                     {"hostName", key.file.hostname},
                     {"created", created}});
  }
  output.object(array);
  for (const auto& what : list.unreadable) output.warning(what);
  return list.unreadable.empty() ? kOk : kFailed;
}

/// Says what was done, and ends the work; the exit code.
int finish(Output& output, const OpenRepository& repository, const std::string& line, const char* field, const Id& id) {
  output.line(line);
  const int code = repository.release(output, kOk);
  output.object({{"message_type", "summary"},
                 {"result", code == kOk ? "complete" : "incomplete"},
                 {"exit_code", code},
                 {"skipped", nlohmann::ordered_json::array()},
                 {"snapshot_id", nullptr},
                 {field, id.hex()}});
  return code;
}

Result<int> add(Context& context, const NewKeyWords& words) {
  TRY_ASSIGN(const auto repository, context.open(Access::kAppend));
  TRY_ASSIGN(const auto password, new_password(words));
  TRY_ASSIGN(const Id id, maintenance::add_key(*repository, password, {words.user, words.host}, repository.cancel));
  return finish(context.output(), repository, "saved new key with ID " + id.hex(), "key_id", id);
}

Result<int> remove(Context& context, const std::string& name) {
  TRY_ASSIGN(const auto repository, context.open(Access::kExclusive));
  TRY_ASSIGN(const Id id, repo::find_file(repository->storage(), storage::FileType::kKey, name, repository.cancel));
  TRY(maintenance::remove_key(*repository, id, repository.cancel));
  return finish(context.output(), repository, "removed key " + id.hex(), "removed_key_id", id);
}

Result<int> passwd(Context& context, const NewKeyWords& words) {
  TRY_ASSIGN(const auto repository, context.open(Access::kExclusive));
  TRY_ASSIGN(const auto password, new_password(words));
  TRY_ASSIGN(const Id id,
             maintenance::change_password(*repository, password, {words.user, words.host}, repository.cancel));
  return finish(context.output(), repository, "saved new key as " + id.hex() + "; the old password is no longer good",
                "key_id", id);
}

Command* add_verb(Command& key, Context& context, const char* name, const char* what, const char* example,
                  std::function<Result<int>()> run) {
  auto* command = key.add_subcommand(name, what);
  command->footer(std::string("Example:\n  ") + example);
  command->callback([&context, run = std::move(run)] { context.run = run; });
  return command;
}

void add_new_key_options(Command& command, NewKeyWords& words) {
  command.add_option("--new-password-file", words.password_file, "read the new password from FILE")->type_name("FILE");
  command.add_flag("--new-insecure-no-password", words.no_password, "without a password: everybody may read it");
  command.add_option("--user", words.user, "whose it is, to be listed")->type_name("NAME");
  command.add_option("--host", words.host, "for which machine, to be listed")->type_name("NAME");
}

}  // namespace

void add_key(Command& app, Context& context) {
  auto* key = app.add_subcommand("key", "list, add, remove and change the passwords of the repository");
  key->footer("Example:\n  varve key add --new-password-file FILE --user operator");
  key->require_subcommand(1);
  key->fallthrough();
  auto words = std::make_shared<NewKeyWords>();
  auto name = std::make_shared<std::string>();
  add_verb(*key, context, "list", "list the keys; * marks the one in use", "varve key list",
           [&context] { return list(context); });
  auto* adding = add_verb(*key, context, "add", "let another password open the repository",
                          "varve key add --new-password-file FILE --user operator",
                          [&context, words] { return add(context, *words); });
  add_new_key_options(*adding, *words);
  auto* removing = add_verb(*key, context, "remove", "take a password away: the key with this ID",
                            "varve key remove 4f1e8c02", [&context, name] { return remove(context, *name); });
  removing->add_option("id", *name, "the key's id, or the beginning of it")->required()->type_name("ID");
  auto* changing =
      add_verb(*key, context, "passwd", "replace the password that the repository was opened with",
               "varve key passwd --new-password-file FILE", [&context, words] { return passwd(context, *words); });
  add_new_key_options(*changing, *words);
}

}  // namespace varve::cli
