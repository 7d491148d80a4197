#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/format.h"
#include "job/doctor.h"

namespace varve::cli {

namespace {

using State = job::Checked::State;

struct DoctorWords {
  UriOptions uri;
  FilterOptions filter;
  std::string member = "auto";
  unsigned max_lag = 60;
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

void print(Output& output, const job::DoctorResult& result) {
  for (const auto& check : result.checks) {
    output.line(fmt::format("{:8} {:12} {}", name_of(check.state), check.about, check.sentence));
    for (const auto& hint : check.hints) output.line(fmt::format("{:21} {}", "", hint));
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
  return {{"message_type", "summary"},
          {"result", name_of(result.worst())},
          {"exit_code", code},
          {"skipped", nlohmann::ordered_json::array()},
          {"snapshot_id", nullptr},
          {"checks", std::move(checks)},
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
  const job::DoctorOptions options{.uri = std::move(uri),
                                   .member = {.member = words.member, .max_lag = std::chrono::seconds(words.max_lag)},
                                   .filter = std::move(filter)};
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
  command->add_option("--max-lag", words->max_lag, "a secondary further behind is not read")->type_name("SECONDS");
  command->callback([&context, words] { context.run = [&context, words] { return run_doctor(context, *words); }; });
}

}  // namespace varve::cli
