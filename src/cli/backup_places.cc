#include "cli/backup_places.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/format.h"
#include "storage/open.h"

namespace varve::cli {

namespace {

/// What the exit code tells where several repositories fail in different ways: the last of these that is among them.
constexpr ErrorKind kBySeverity[] = {ErrorKind::kNoRepository, ErrorKind::kLocked, ErrorKind::kWrongPassword};

Status check(const AlsoWords& words) {
  const bool alone = words.password_files.empty() && words.password_command.empty() && words.key_hint.empty();
  if (words.places.empty() && (!alone || words.no_password)) {
    return fail(Error(ErrorKind::kInvalidInput, "options of another repository were given, but not where it is")
                    .hint("--also PLACE names it"));
  }
  const auto files = words.password_files.size();
  if (files <= 1 || files == words.places.size()) return {};
  return fail(ErrorKind::kInvalidInput,
              fmt::format("--also-password-file is given once for all, or once for each --also: not {} times for {}",
                          files, words.places.size()));
}

Place also_place(const Context& context, const AlsoWords& words, size_t i) {
  const auto& files = words.password_files;
  Place place;
  place.location = words.places[i];
  place.password = {.file = files.empty() ? "" : files[files.size() == 1 ? 0 : i],
                    .command = words.password_command,
                    .prefix = "ALSO_",
                    .none = words.no_password,
                    .stdin_is_data = context.stdin_is_data};
  place.key_hint = !words.key_hint.empty() ? words.key_hint : variable("ALSO_KEY_HINT").value_or("");
  return place;
}

bool same_folder(const std::string& a, const std::string& b) {
  std::error_code not_there;
  return a == b || std::filesystem::equivalent(a, b, not_there);
}

Error named_twice(const std::string& a, const std::string& b) {
  return Error(ErrorKind::kInvalidInput, a == b ? a + " is named twice: one backup goes there once"
                                                : a + " and " + b + " are the same repository")
      .hint(
          "a copy of a repository's files counts as the same; `varve init --from-repo R --copy-chunker-params` makes "
          "one of its own, and `varve copy` fills it");
}

/// By name: nobody is asked yet.
Status refuse_same_folder(const std::vector<Place>& places, const std::vector<std::string>& names) {
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const bool local = storage::is_local(places[i].location) && storage::is_local(places[j].location);
      if (local && same_folder(names[i], names[j])) return fail(named_twice(names[j], names[i]));
    }
  }
  return {};
}

/// The user's words are wrong, or the user wants to stop: nothing that another repository helps against.
bool ends_all(const Error& error) {
  return error.kind() == ErrorKind::kInvalidInput || error.kind() == ErrorKind::kCancelled;
}

std::string with_hints(const Error& error) {
  return error.hints().empty() ? error.message()
                               : fmt::format("{}; {}", error.message(), fmt::join(error.hints(), "; "));
}

nlohmann::ordered_json id_json(const std::optional<Id>& id) {
  return id ? nlohmann::ordered_json(id->hex()) : nlohmann::ordered_json();
}

nlohmann::ordered_json also_json(const std::string& name, const repo::SavedSnapshot& saved) {
  nlohmann::ordered_json object = {{"repository", name}, {"snapshot_id", id_json(saved.snapshot)}};
  if (saved.failure) {
    object["error"] = saved.failure->message();
    return object;
  }
  object["parent"] = id_json(saved.parent);
  object["data_blobs"] = saved.stored.data_blobs_new;
  object["tree_blobs"] = saved.stored.tree_blobs_new;
  object["data_added"] = saved.stored.plain_bytes_new;
  object["data_added_packed"] = saved.stored.packed_bytes;
  return object;
}

std::string in_words(const repo::SavedSnapshot& saved) {
  return fmt::format("{}, {} new, {} stored",
                     saved.snapshot ? "snapshot " + saved.snapshot->short_hex() : std::string("no snapshot"),
                     format_size(saved.stored.plain_bytes_new), format_size(saved.stored.packed_bytes));
}

}  // namespace

void add_also_options(Command& command, AlsoWords& words) {
  command
      .add_option("--also", words.places,
                  "store it in this repository too, and read the source once; may be given again")
      ->type_name("PLACE");
  command
      .add_option("--also-password-file", words.password_files,
                  "read its password from FILE (or RESTIC_ALSO_PASSWORD_FILE); once for all, or once for each --also")
      ->type_name("FILE");
  command.add_option("--also-password-command", words.password_command, "a command that prints its password")
      ->type_name("COMMAND");
  command.add_option("--also-key-hint", words.key_hint, "the ID of its key to try first (or RESTIC_ALSO_KEY_HINT)")
      ->type_name("ID");
  command.add_flag("--also-insecure-no-password", words.no_password, "it has no password");
}

Result<BackupPlaces> BackupPlaces::open(Context& context, const AlsoWords& words, Access access, Main main) {
  TRY(check(words));
  std::vector<Place> places;
  TRY_ASSIGN(auto first, context.place());
  places.push_back(std::move(first));
  for (size_t i = 0; i < words.places.size(); ++i) places.push_back(also_place(context, words, i));

  BackupPlaces opened;
  TRY(opened.open_all(context, places, access, main));
  TRY(opened.refuse_twice());
  opened.tell_of_cuts(context.output());
  std::vector<repo::Destinations::Destination> all;
  for (const auto& one : opened.ones_) {
    if (one.open) all.push_back({**one.open, one.open->cancel});
  }
  opened.destinations_ = places.size() == 1
                             ? std::make_unique<repo::Destinations>(all.front().repository, all.front().cancel)
                             : std::make_unique<repo::Destinations>(all, context.cancel(), context.output());
  return opened;
}

Status BackupPlaces::open_all(Context& context, const std::vector<Place>& places, Access access, Main main) {
  std::vector<std::string> names(places.size());
  for (size_t i = 0; i < places.size() && places.size() > 1; ++i) {
    TRY_ASSIGN(const auto storage, context.storage_at(places[i].location, places[i].password.prefix));
    names[i] = storage->location();
  }
  TRY(refuse_same_folder(places, names));
  for (size_t i = 0; i < places.size(); ++i) {
    auto place = places[i];
    if (i > 0) place.prompt = "password of " + names[i];
    auto open = i > 0                  ? context.open(place, access, context.cancel())
                : main == Main::kEarly ? context.open_early(access)
                                       : context.open(access);
    if (!open && (places.size() == 1 || ends_all(open.error()))) return fail(std::move(open).error());
    auto& one = ones_.emplace_back(One{names[i]});
    if (open) one.open = std::move(*open);
    if (!open) one.why_not = std::move(open).error();
  }
  const auto is_open = [](const One& one) { return one.open.has_value(); };
  const bool any = std::ranges::any_of(ones_, is_open);
  for (const auto& one : ones_) {
    if (any && !one.open) context.output().warning(one.why_not->message() + "; the backup goes on without " + one.name);
  }
  return any ? Status() : fail(none_open());
}

Error BackupPlaces::none_open() const {
  auto kind = ones_.front().why_not->kind();
  for (const auto severe : kBySeverity) {
    if (std::ranges::any_of(ones_, [&](const One& one) { return one.why_not->kind() == severe; })) kind = severe;
  }
  Error error(kind, fmt::format("none of the {} repositories can be written to; nothing was read", ones_.size()));
  for (const auto& one : ones_) error.hint(one.name + ": " + with_hints(*one.why_not));
  return error;
}

/// By what is in them: one may be reached in two ways.
Status BackupPlaces::refuse_twice() const {
  for (size_t i = 0; i < ones_.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const auto &a = ones_[j].open, &b = ones_[i].open;
      if (a && b && (*a)->config().id == (*b)->config().id) return fail(named_twice(ones_[j].name, ones_[i].name));
    }
  }
  return {};
}

void BackupPlaces::tell_of_cuts(Output& output) const {
  const auto first = std::ranges::find_if(ones_, [](const One& one) { return one.open.has_value(); });
  for (const auto& one : ones_) {
    if (!one.open || (*one.open)->config().polynomial == (*first->open)->config().polynomial) continue;
    output.note(
        fmt::format("{} gets what is cut as in {} cuts it, and deduplicates only against that; `varve init "
                    "--from-repo {} --copy-chunker-params` makes a repository that cuts alike",
                    one.name, first->name, first->name));
  }
}

Status BackupPlaces::settle(std::vector<repo::SavedSnapshot>& saved) const {
  auto next = saved.begin();
  for (const auto& one : ones_) {
    if (!one.open) continue;
    auto& its = *next++;
    if (its.snapshot || its.failure) continue;  // that was settled first
    const auto settled = one.open->settle();
    if (settled) continue;
    if (ones_.size() == 1) return settled;
    its.failure = settled.error();
  }
  return {};
}

std::vector<repo::SavedSnapshot> BackupPlaces::all(const std::vector<repo::SavedSnapshot>& saved) const {
  std::vector<repo::SavedSnapshot> out;
  auto next = saved.begin();
  for (const auto& one : ones_) {
    if (one.open) {
      out.push_back(*next++);
    } else {
      out.emplace_back().failure = one.why_not;
    }
  }
  return out;
}

int BackupPlaces::release(Output& output, int code, const std::vector<repo::SavedSnapshot>& saved) const {
  if (code == kOk && !repo::all_saved(all(saved))) code = kIncomplete;
  for (const auto& one : ones_) {
    if (one.open) code = one.open->release(output, code);
  }
  return code;
}

void BackupPlaces::print(Output& output, const std::vector<repo::SavedSnapshot>& saved) const {
  if (ones_.size() == 1) return;
  const auto each = all(saved);
  const auto good = std::ranges::find_if(each, [](const auto& one) { return one.snapshot.has_value(); });
  for (size_t i = 0; i < each.size(); ++i) {
    const auto& name = ones_[i].name;
    if (!each[i].failure) {
      output.line(fmt::format("  in {}: {}", name, in_words(each[i])));
      continue;
    }
    output.line(fmt::format("  NOT in {}: {}", name, with_hints(*each[i].failure)));
    if (good == each.end()) continue;
    output.line(fmt::format("    once that is mended, `varve -r {} copy --from-repo {} {}` brings it there", name,
                            ones_[static_cast<size_t>(good - each.begin())].name, good->snapshot->short_hex()));
  }
}

void BackupPlaces::add_to(nlohmann::ordered_json& summary, const std::vector<repo::SavedSnapshot>& saved) const {
  if (ones_.size() == 1) return;
  const auto each = all(saved);
  if (each.front().failure) summary["snapshot_id"] = nullptr;
  auto also = nlohmann::ordered_json::array();
  for (size_t i = 0; i < each.size(); ++i) {
    if (i > 0) also.push_back(also_json(ones_[i].name, each[i]));
    if (!each[i].failure) continue;
    summary["skipped"].push_back({{"what", "repository " + ones_[i].name}, {"reason", each[i].failure->message()}});
  }
  summary["also"] = std::move(also);
}

}  // namespace varve::cli
