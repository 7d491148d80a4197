#include "cli/point_in_time.h"

#include <limits>

#include <fmt/format.h>

#include "base/parse.h"
#include "cli/command.h"
#include "cli/duration_option.h"
#include "cli/format.h"
#include "cli/local_time.h"
#include "cli/named_zone.h"
#include "job/history.h"

namespace varve::cli {

namespace {

using std::chrono::seconds;

constexpr size_t kLeastDigits = 9;  // of the seconds of a cluster time
constexpr uint32_t kLast = std::numeric_limits<uint32_t>::max();

Error no_time(const std::string& text, const std::string& why) {
  return Error(ErrorKind::kInvalidInput, fmt::format("{}: {}", text, why));
}

/// Everything before that second began.
Result<bson::Timestamp> before(const std::string& text, Time time) {
  const auto second = std::chrono::floor<seconds>(time);
  const auto count = second.time_since_epoch().count();
  if (time != second) {
    return fail(no_time(text, "the oplog tells seconds, and within them only the order")
                    .hint(fmt::format("give {} or {}, or a cluster time such as {}:1", format_rfc3339(second),
                                      format_rfc3339(second + seconds(1)), count)));
  }
  if (count < 1 || count > int64_t{kLast}) return fail(no_time(text, "no oplog reaches that time"));
  return bson::Timestamp{static_cast<uint32_t>(count - 1), kLast};
}

Result<bson::Timestamp> cluster_time(const std::string& text, size_t colon) {
  const auto second = parse_number<uint32_t>(text.substr(0, colon));
  const auto increment = parse_number<uint32_t>(text.substr(colon + 1));
  // "10:15" is a clock's.
  if (second && increment && colon >= kLeastDigits) return bson::Timestamp{*second, *increment};
  return fail(no_time(text, "a cluster time is seconds since 1970 and a number, such as 1795251206:3")
                  .hint("a time of day wants its day: \"2026-11-28 10:15\""));
}

/// It takes no second one.
bool names_a_zone(const std::string& text) {
  return !parse_moment(text + " UTC");
}

Error shown_twice(const std::string& text, const std::string& clock, Time first, Time second) {
  return no_time(text, clock + " shows that time twice, as it is put back")
      .hint(fmt::format("give {} for the first, {} for the second", format_rfc3339(first), format_rfc3339(second)));
}

Error never_shown(const std::string& text, const std::string& clock, const std::string& nearest) {
  return no_time(text, clock + " never shows that time, as it is put forward").hint("the nearest is " + nearest);
}

/// Clocks that are put forward leave an hour out, and those that are put back show one twice.
Status check_local(const std::string& text, Time time) {
  const std::string clock = "this machine's clock";
  const auto shown = local_time_text(time);
  for (const auto shift : {seconds(1800), seconds(3600), seconds(-1800), seconds(-3600)}) {
    if (local_time_text(time + shift) != shown) continue;
    return fail(shown_twice(text, clock, std::min(time, time + shift), std::max(time, time + shift)));
  }
  // The same figures, whatever zone they are taken for.
  if (*parse_moment(text + " UTC") == *parse_moment(shown + " UTC")) return {};
  return fail(never_shown(text, clock, shown + ", " + format_rfc3339(time)));
}

/// "2026-11-20 10:00 Europe/Berlin"; nothing if that is no time with a word behind it.
std::optional<Result<Time>> parse_in_zone(const std::string& text) {
  const auto blank = text.rfind(' ');
  if (blank == std::string::npos) return std::nullopt;
  const auto shown = parse_moment(text.substr(0, blank) + " UTC");
  if (!shown || names_a_zone(text.substr(0, blank))) return std::nullopt;
  const auto zone = text.substr(blank + 1);
  const auto clock = "the clock of " + zone;
  const auto at = when_shown(*shown, zone);
  if (!at) return fail(at.error());
  switch (at->kind) {
    case ShownAt::Kind::kTwice:
      return fail(shown_twice(text, clock, at->first, at->second));
    case ShownAt::Kind::kNever:
      return fail(never_shown(text, clock, format_rfc3339(at->first)));
    default:
      return at->first;
  }
}

Error not_known(const std::string& text) {
  return no_time(text, "no time")
      .hint(
          "such as \"2026-11-28 10:15\", \"2026-11-28 10:15 Europe/Berlin\", 2026-11-28T10:15:02+01:00, -90m, or a "
          "cluster time such as 1795251206:3");
}

}  // namespace

namespace {

Result<bson::Timestamp> parse(const std::string& text, Time now) {
  if (text.starts_with('-')) {
    TRY_ASSIGN(const auto back, duration_option("-", text.substr(1)));
    if (text.size() == 1) return fail(not_known(text));
    return before(text, std::chrono::floor<seconds>(now) - back);
  }
  if (const auto time = parse_rfc3339(text)) return before(text, *time);
  const auto colon = text.find(':');
  if (colon != std::string::npos && text.find_first_not_of("0123456789:") == std::string::npos) {
    return cluster_time(text, colon);
  }
  const auto moment = parse_moment(text);
  if (!moment) {
    const auto in_zone = parse_in_zone(text);
    if (!in_zone) return fail(not_known(text));
    if (!*in_zone) return fail(in_zone->error());
    return before(text, **in_zone);
  }
  if (!names_a_zone(text)) TRY(check_local(text, *moment));
  return before(text, *moment);
}

}  // namespace

Result<bson::Timestamp> parse_point_in_time(const std::string& text, Time now, const std::string& option) {
  auto time = parse(text, now);
  if (!time) return fail(std::move(time).error().within(option));
  return time;
}

Result<job::OplogArchive> open_archive(const OpenRepository& repository, const std::string& source) {
  TRY_ASSIGN(auto newest, job::newest_archive(*repository, source, repository.cancel));
  TRY(repository->load_index(repository.cancel));
  if (newest) return job::OplogArchive::open(*repository, std::move(*newest), repository.cancel);
  return fail(Error(ErrorKind::kNotFound, fmt::format("there is no archive of the oplog of '{}'", source))
                  .hint("`varve archive` makes one; a source is the host of its snapshots"));
}

namespace {

constexpr size_t kMostEvents = 10;  // that are named

/// "drop shop.orders": the last moment before that happened.
Result<bson::Timestamp> before_event(const OpenRepository& repository, const std::string& source,
                                     const std::string& words, const job::MergeOptions& memory, Output& output) {
  const auto blank = words.find(' ');
  const auto deed = words.substr(0, blank);
  const auto known = std::ranges::find(job::all_deeds(), deed, &job::Deed::name);
  if (known == job::all_deeds().end() || blank == std::string::npos) {
    return fail(Error(ErrorKind::kInvalidInput, fmt::format("--before \"{}\": that is no event", words))
                    .hint("such as \"drop shop.orders\" or \"dropDatabase shop.*\"; `varve history` shows what "
                          "happened"));
  }
  job::HistoryOptions options;
  options.deeds = {deed};
  options.memory = memory;
  TRY_ASSIGN(options.filter, bson::NamespaceFilter::make({words.substr(blank + 1)}, {}));
  TRY_ASSIGN(const auto archive, open_archive(repository, source));
  std::vector<job::HistoryEvent> events;
  uint64_t count = 0;
  const auto note = [&](const job::HistoryEvent& event) -> Status {
    if (++count <= kMostEvents) events.push_back(event);
    return {};
  };
  TRY_ASSIGN(const auto result, job::history(archive, options, note, repository.cancel));
  if (count == 1 && result.remarks.empty()) {
    output.note(fmt::format("{}: happened at {}, and once, as far as the oplog is archived: up to {}", words,
                            job::moment_text(events.front().at), job::moment_text(result.to)));
    return events.front().before();
  }
  const std::string how_often = count == 0   ? "that did not happen in what is archived"
                                : count == 1 ? "that happened once, and perhaps where nothing is known"
                                             : fmt::format("that happened {} times", count);
  Error error(count == 0 ? ErrorKind::kNotFound : ErrorKind::kInvalidInput,
              fmt::format("--before \"{}\": {}", words, how_often));
  for (const auto& event : events) {
    error.hint(fmt::format("{}: --at {}:{}", format_utc(Time(seconds(event.at.seconds))), event.before().seconds,
                           event.before().increment));
  }
  if (count > kMostEvents) error.hint("`varve history` shows them all");
  for (const auto& remark : result.remarks) error.hint(remark);
  return fail(std::move(error));
}

}  // namespace

void add_at_option(Command& command, AtWords& words) {
  command
      .add_option("--at", words.at,
                  "as of a time: \"2026-11-28 10:15\" (all before that second), with a zone as in RFC 3339, -90m, or a "
                  "cluster time; needs --source, and an archive of its oplog")
      ->type_name("TIME");
  command
      .add_option("--before", words.before,
                  "as it was right before something that happened once: \"drop shop.orders\"; see `varve history`")
      ->type_name("EVENT");
}

void tell_base(const job::ChosenMoment& chosen, Output& output) {
  const auto& base = chosen.base;
  output.note(fmt::format("{}: from snapshot {} and {} of oplog ({})", job::moment_text(chosen.later->until),
                          base.snapshot.id.short_hex(), plural(chosen.later->slices, "slice"),
                          format_size(chosen.later->bytes)));
  if (base.partial.empty()) return;
  output.warning(fmt::format("snapshot {} {}, and no whole backup reaches that moment", base.snapshot.id.short_hex(),
                             base.partial));
}

Result<Wanted> find_wanted(const OpenRepository& repository, const SnapshotOptions& snapshot, const AtWords& words,
                           const job::MergeOptions& memory, Output& output) {
  if (!words.given()) {
    if (snapshot.name.empty()) {
      return fail(Error(ErrorKind::kInvalidInput, "which backup is not clear")
                      .hint("name a snapshot, such as latest, or give --source NAME and --at TIME"));
    }
    TRY_ASSIGN(auto found, find_snapshot(repository, snapshot));
    return Wanted{std::move(found), nullptr};
  }
  const auto& selection = snapshot.selection;
  const bool selected = !selection.hosts.empty() || !selection.paths.empty() || !selection.tags.empty();
  if (!snapshot.name.empty() || selected || snapshot.source.empty()) {
    return fail(Error(ErrorKind::kInvalidInput, "--at and --before find the backup to start from by themselves")
                    .hint("leave the snapshot out, and name the source: --source NAME --at TIME"));
  }
  if (!words.at.empty() && !words.before.empty()) {
    return fail(ErrorKind::kInvalidInput, "--at and --before both say which moment is meant: give one of the two");
  }
  TRY_ASSIGN(const auto until, words.at.empty()
                                   ? before_event(repository, snapshot.source, words.before, memory, output)
                                   : parse_point_in_time(words.at, system_clock().now()));
  TRY_ASSIGN(const auto restorable, job::find_restorable(*repository, snapshot.source, repository.cancel));
  TRY_ASSIGN(auto chosen, job::choose_moment(restorable, snapshot.source, until, repository.cancel));
  tell_base(chosen, output);
  return Wanted{std::move(chosen.base.snapshot), std::move(chosen.later)};
}

}  // namespace varve::cli
