#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/backup_places.h"
#include "cli/backup_result.h"
#include "cli/backup_words.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/duration_option.h"
#include "cli/format.h"
#include "cli/state_folder.h"
#include "cli/writer_options.h"
#include "collection/chunker.h"
#include "job/backup.h"
#include "job/read_limit.h"

namespace varve::cli {

namespace {

struct BackupWords {
  std::vector<std::string> words;  // the URI
  UriOptions uri;
  std::string source;
  FilterOptions filter;
  std::vector<std::string> tags;
  std::string read_at = "auto", order = "auto", member = "auto";
  std::string limit_read, chunk_size;
  WriterWords store;
  AlsoWords also;
  unsigned readers = 0;
  std::string max_lag = "60s";
  bool new_incarnation = false, accept_inconsistent = false, lock = false;
};

/// The URI, or nothing where it comes from elsewhere.
Result<std::string> uri_word(const std::vector<std::string>& words) {
  if (words.empty()) return std::string();
  if (words.size() > 1) {
    return fail(ErrorKind::kInvalidInput, "what is '" + words[1] + "'? one server is backed up at a time");
  }
  const auto& uri = words.front();
  if (uri.starts_with("mongodb://") || uri.starts_with("mongodb+srv://") || uri.starts_with('@')) return uri;
  return fail(
      Error(ErrorKind::kInvalidInput, "'" + uri + "' is no MongoDB URI")
          .hint("write mongodb://" + uri + " for a server of that name, or @FILE for a file that holds the URI")
          .hint("`varve backup files PATH` backs up folders, `varve backup stdin` what another program writes"));
}

Result<job::ReadAt> parse_read_at(const std::string& name) {
  if (name == "auto") return job::ReadAt::kAuto;
  if (name == "one-time") return job::ReadAt::kOneTime;
  if (name == "window") return job::ReadAt::kWindow;
  return fail(Error(ErrorKind::kInvalidInput, "there is no way to read '" + name + "'")
                  .hint("auto, one-time and window are known"));
}

Result<job::OrderChoice> parse_order(const std::string& name) {
  if (name == "auto") return job::OrderChoice::kAuto;
  if (name == "id") return job::OrderChoice::kId;
  if (name == "natural") return job::OrderChoice::kNatural;
  return fail(Error(ErrorKind::kInvalidInput, "there is no reading order '" + name + "'")
                  .hint("auto, id and natural are known"));
}

/// 0: none.
Result<uint64_t> read_limit(const std::string& text, unsigned readers) {
  if (text.empty()) return 0;
  TRY_ASSIGN(const auto limit, size_option("--limit-read", text));
  const uint64_t least = job::ReadLimit::least_for(readers);
  if (limit >= least) return limit;
  return fail(
      Error(ErrorKind::kInvalidInput, "--limit-read " + text + " is too little" +
                                          (readers > 0 ? fmt::format(" for --readers {}", readers) : std::string()))
          .hint(fmt::format("{}K a second is the least: a server answers with 16 MB at a time, and forgets "
                            "who pauses for ten minutes",
                            least >> 10)));
}

/// 0: not asked for.
Result<uint32_t> chunk_size(const std::string& text) {
  if (text.empty()) return 0;
  TRY_ASSIGN(const auto size, size_option("--chunk-size", text));
  if (size >= collection::kLeastAverage && size <= collection::kMostAverage) return static_cast<uint32_t>(size);
  return fail(Error(ErrorKind::kInvalidInput, "--chunk-size " + text + " is not from 256K to 8M")
                  .hint("it is the average: chunks have a quarter of it to four times it"));
}

Result<job::BackupOptions> options_from(const BackupWords& words) {
  if (words.lock && words.accept_inconsistent) {
    return fail(ErrorKind::kInvalidInput,
                "--lock lets nobody write meanwhile and --accept-inconsistent lets everybody: give one of the two");
  }
  UriOptions uri_options = words.uri;
  TRY_ASSIGN(uri_options.given, uri_word(words.words));
  TRY_ASSIGN(auto uri, resolve_uri(uri_options, "to back up"));
  TRY_ASSIGN(auto filter, bson::NamespaceFilter::make(words.filter.includes, words.filter.excludes));
  TRY(check_tags(words.tags));
  TRY(check_source(words.source));
  job::BackupOptions options{
      .uri = std::move(uri), .source = words.source, .filter = std::move(filter), .tags = words.tags};
  TRY_ASSIGN(options.writer, writer_options(words.store));
  options.readers = words.readers;
  TRY_ASSIGN(options.read_at, parse_read_at(words.read_at));
  TRY_ASSIGN(options.order, parse_order(words.order));
  TRY_ASSIGN(options.average_chunk, chunk_size(words.chunk_size));
  options.member.member = words.member;
  TRY_ASSIGN(options.member.max_lag, duration_option("--max-lag", words.max_lag));
  options.new_incarnation = words.new_incarnation;
  options.accept_inconsistent = words.accept_inconsistent;
  options.lock = words.lock;
  TRY_ASSIGN(options.limit_read, read_limit(words.limit_read, words.readers));
  options.locking = {.journals = state_folder() + "/locks", .program = "/proc/self/exe"};
  options.program_version = program_version();
  return options;
}

std::string state(const job::BackupResult& result) {
  const auto& m = result.manifest;
  if (m.consistency == "inconsistent") return "NOT consistent";
  if (m.oplog_changes > 0) return fmt::format("consistent with its oplog ({})", plural(m.oplog_changes, "operation"));
  return "consistent";
}

std::string moment(const job::BackupResult& result) {
  if (result.manifest.set_name.empty()) return format_utc(result.ended);
  return format_utc(Time(std::chrono::seconds(result.manifest.t1.seconds)));
}

void print(Output& output, const job::BackupResult& result, uint64_t limit_read) {
  const auto& m = result.manifest;
  output.line(fmt::format("snapshot {}  {}/{}  at {}  {}", result.snapshot.short_hex(), m.source,
                          m.set_name.empty() ? "standalone" : m.set_name, moment(result), state(result)));
  print_details(output, result);
  if (limit_read > 0) output.line(fmt::format("  read at {} a second at most, as asked", format_size(limit_read)));
}

nlohmann::ordered_json time_json(bson::Timestamp time) {
  return time == bson::Timestamp{} ? nlohmann::ordered_json() : nlohmann::ordered_json(time.text());
}

nlohmann::ordered_json summary(const job::BackupResult& result, uint64_t limit_read, int code) {
  const auto& m = result.manifest;
  nlohmann::ordered_json summary = begin_summary(result, code);
  summary["replica_set"] = m.set_name;
  summary["member"] = m.member;
  summary["member_role"] = m.member_role;
  summary["limit_read"] = limit_read;
  summary["read_at"] = time_json(m.read_at);
  end_summary(result, summary);
  return summary;
}

Result<int> run_backup(Context& context, const BackupWords& words) {
  TRY_ASSIGN(const auto options, options_from(words));
  auto& output = context.output();
  TRY_ASSIGN(const auto places, BackupPlaces::open(context, words.also, Access::kAppend));
  const auto saved = job::backup(places.destinations(), options, output);
  if (!saved) return fail(explain_stop(saved.error()));
  const auto& result = *saved;
  print(output, result, options.limit_read);
  places.print(output, result.repositories);
  const int code = places.release(output, result.shortfalls.empty() ? kOk : kIncomplete, result.repositories);
  auto object = summary(result, options.limit_read, code);
  places.add_to(object, result.repositories);
  output.object(object);
  return code;
}

/// The same for `backup mongodb` and its short form.
std::shared_ptr<BackupWords> add_words(Command& command) {
  command.footer(
      "Examples:\n"
      "  varve backup mongodb://db1,db2,db3/?replicaSet=rs0 --source shop\n"
      "  varve backup @/etc/varve/shop.uri --source shop --ns-exclude 'shop.sessions'\n"
      "  varve backup @/etc/varve/shop.uri --source shop --also /mnt/offsite --also-password-file FILE\n"
      "  varve backup @/etc/varve/standalone.uri --lock");
  auto words = std::make_shared<BackupWords>();
  command.add_option("server", words->words, "URI of the server, or @FILE")->type_name("URI");
  add_uri_secrets(command, words->uri);
  command.add_option("--source", words->source, "the name of what is backed up (the replica set's, if not given)")
      ->type_name("NAME");
  add_filter_options(command, words->filter);
  command.add_option("--tag", words->tags, "put a tag on the snapshot")->type_name("TAG");
  add_writer_options(command, words->store);
  add_also_options(command, words->also);
  command
      .add_option("--limit-read", words->limit_read,
                  "read so many bytes a second from the server at most, such as 20M (units of 1024)")
      ->type_name("SIZE");
  command.add_option("--readers", words->readers, "collections read at once")->type_name("N");
  command.add_option(
      "--read-at", words->read_at,
      "one-time: all documents as of one cluster time (MongoDB 5.0 and later); window: as they come, made "
      "exact by the oplog; auto");
  command.add_option("--order", words->order, "read documents by _id, in natural order, or what suits each collection");
  command
      .add_option("--chunk-size", words->chunk_size,
                  "average size of the chunks that documents are stored in, 256K to 8M; later backups keep it, and "
                  "another one stores everything anew (1M, or more for collections beyond 64 GiB)")
      ->type_name("SIZE");
  command.add_option("--member", words->member,
                     "auto, hidden, secondary, primary, or HOST[:PORT] of the member to read");
  command.add_option("--max-lag", words->max_lag, "a secondary further behind is not read")->type_name("D");
  command.add_flag("--new-incarnation", words->new_incarnation, "the source was made anew as another replica set");
  command.add_flag("--lock", words->lock, "keep a standalone from being written to while it is read (fsyncLock)");
  command.add_flag("--accept-inconsistent", words->accept_inconsistent, "a standalone may be written to meanwhile");
  return words;
}

void add_backup_mongodb(Command& backup, Context& context) {
  auto* command = backup.add_subcommand("mongodb", "back a live MongoDB up; the name may be left out before its URI");
  const auto words = add_words(*command);
  command->callback([&context, words, command] {
    context.run = [&context, words, command]() -> Result<int> {
      TRY(refuse_options_before(*command));
      return run_backup(context, *words);
    };
  });
}

}  // namespace

void add_backup(Command& app, Context& context) {
  auto* command = app.add_subcommand("backup", "back a live MongoDB up, or files, or what a program writes");
  const auto words = add_words(*command);
  command->require_subcommand(0, 1);
  add_backup_mongodb(*command, context);
  add_backup_files(*command, context);
  add_backup_stdin(*command, context);
  command->callback([&context, words, command] {
    if (command->subcommand_given()) return;  // it has its own
    context.run = [&context, words] { return run_backup(context, *words); };
  });
}

}  // namespace varve::cli
