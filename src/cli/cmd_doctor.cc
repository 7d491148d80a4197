#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/duration_option.h"
#include "cli/format.h"
#include "cli/state_folder.h"
#include "job/doctor.h"

namespace varve::cli {

namespace {

using State = job::Checked::State;

struct DoctorWords {
  UriOptions uri;
  FilterOptions filter;
  std::string member = "auto";
  std::string max_lag = "60s";
  bool lock = false;
};

const char* name_of(State state) {
  switch (state) {
    case State::kGood:
      return "ok";
    case State::kWarning:
      return "warning";
    default:
      return "problem";
  }
}

const char* verdict(State state) {
  switch (state) {
    case State::kGood:
      return "nothing stands in the way of a backup";
    case State::kWarning:
      return "a backup can be made; the warnings say what may become of it";
    default:
      return "a backup would fail";
  }
}

std::string in_words(const mongo::KnownMember& member) {
  std::string role = member.role;
  if (member.state == "unreachable" || member.state == "other") role += ", " + member.state;
  if (member.lag && member.state == "secondary") role += fmt::format(", {} behind", format_duration(*member.lag));
  return fmt::format("{} ({}) {}", member.host, role, member.why);
}

nlohmann::ordered_json in_json(const mongo::KnownMember& member) {
  nlohmann::ordered_json lag;
  if (member.lag) lag = static_cast<double>(member.lag->count()) / 1000;
  return {{"host", member.host}, {"role", member.role}, {"state", member.state},
          {"lag_seconds", lag},  {"read", member.read}, {"why", member.why}};
}

void print(Output& output, const job::DoctorResult& result) {
  for (const auto& check : result.checks) {
    output.line(fmt::format("{:8} {:12} {}", name_of(check.state), check.about, check.sentence));
    for (const auto& hint : check.hints) output.line(fmt::format("{:21} {}", "", hint));
  }
  if (result.source && !result.source->members.empty()) {
    output.line("members of " + result.source->set_name + ":");
    for (const auto& member : result.source->members) output.line("  " + in_words(member));
  }
  if (result.collections > 0) {
    output.line(fmt::format("to be read: {}, about {} and {}", plural(result.collections, "collection"),
                            plural(result.documents, "document"), format_size(result.bytes)));
  }
  output.line(verdict(result.worst()));
}

nlohmann::ordered_json summary(const job::DoctorResult& result, int code) {
  auto checks = nlohmann::ordered_json::array();
  for (const auto& check : result.checks) {
    checks.push_back({{"about", check.about},
                      {"state", name_of(check.state)},
                      {"sentence", check.sentence},
                      {"hints", check.hints}});
  }
  auto members = nlohmann::ordered_json::array();
  if (result.source) {
    for (const auto& member : result.source->members) members.push_back(in_json(member));
  }
  return {{"message_type", "summary"},
          {"result", name_of(result.worst())},
          {"exit_code", code},
          {"skipped", nlohmann::ordered_json::array()},
          {"snapshot_id", nullptr},
          {"checks", std::move(checks)},
          {"members", std::move(members)},
          {"member", result.source ? result.source->member : ""},
          {"role", result.source ? result.source->role : ""},
          {"server_version", result.source ? result.source->version : ""},
          {"collections", result.collections},
          {"documents", result.documents},
          {"bytes", result.bytes},
          {"oplog_seconds", result.oplog_span.count()},
          {"expected_seconds", static_cast<double>(result.expected.count()) / 1000}};
}

Result<int> run_doctor(Context& context, const DoctorWords& words) {
  TRY_ASSIGN(auto uri, resolve_uri(words.uri, "to be examined"));
  TRY_ASSIGN(auto filter, bson::NamespaceFilter::make(words.filter.includes, words.filter.excludes));
  TRY_ASSIGN(const auto max_lag, duration_option("--max-lag", words.max_lag));
  const job::DoctorOptions options{.uri = std::move(uri),
                                   .member = {.member = words.member, .max_lag = max_lag},
                                   .filter = std::move(filter),
                                   .lock = words.lock,
                                   .journals = state_folder() + "/locks"};
  TRY_ASSIGN(const auto result, job::examine(options, system_clock(), context.cancel()));
  const auto worst = result.worst();
  const int code = worst == State::kGood ? kOk : worst == State::kWarning ? kIncomplete : kFailed;
  print(context.output(), result);
  context.output().object(summary(result, code));
  return code;
}

}  // namespace

void add_doctor(Command& app, Context& context) {
  auto* command = app.add_subcommand("doctor", "every check that a backup of a server makes first, and no backup");
  command->footer(
      "Examples:\n"
      "  varve doctor mongodb://db1,db2,db3/?replicaSet=rs0\n"
      "  varve doctor @prod.uri --member hidden\n"
      "It ends with 0 if all is well, 3 with warnings, 1 if a backup would fail.");
  auto words = std::make_shared<DoctorWords>();
  command->add_option("server", words->uri.given, "URI of the server, or @FILE")->type_name("URI");
  add_uri_secrets(*command, words->uri);
  add_filter_options(*command, words->filter);
  command->add_option("--member", words->member, "auto, hidden, secondary, primary or HOST[:PORT]")
      ->type_name("MEMBER");
  command->add_option("--max-lag", words->max_lag, "a secondary further behind is not read")->type_name("D");
  command->add_flag("--lock", words->lock, "what `backup --lock` needs too: its rights, and nobody's lock in the way");
  command->callback([&context, words] { context.run = [&context, words] { return run_doctor(context, *words); }; });
}

}  // namespace varve::cli
