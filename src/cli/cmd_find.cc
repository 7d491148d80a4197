#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/local_time.h"
#include "cli/node_format.h"
#include "files/find.h"
#include "repo/index.h"
#include "repo/json_object.h"
#include "repo/select_snapshots.h"

namespace varve::cli {

namespace {

struct FindWords {
  std::vector<std::string> patterns, snapshots;
  std::string oldest, newest;
  bool blobs = false, trees = false, packs = false, show_pack = false;
  bool ignore_case = false, details = false, human = false, reverse = false;
  SelectionOptions selection;
};

/// Prints what is found, snapshot by snapshot; in JSON, all of it is one array.
class FindPrinter {
 public:
  FindPrinter(Output& output, const FindWords& words, const repo::Index& index)
      : output_(output), words_(words), index_(index) {}

  void begin(const repo::Snapshot& snapshot) {
    snapshot_ = &snapshot;
    hits_ = 0;
  }

  void match(const files::Entry& entry) {
    if (output_.json()) {
      output_.raw((hits_ == 0 ? separator() + "{\"matches\":[" : std::string(",")) +
                  find_node_json(entry.path, entry.node));
    } else {
      if (hits_ == 0) {
        if (objects_++ > 0) output_.row("");
        output_.row(fmt::format("Found matching entries in snapshot {} from {}", snapshot_->id.short_hex(),
                                local_time_text(snapshot_->time)));
      }
      output_.row(node_line(entry.path, entry.node, words_.details, words_.human));
    }
    ++hits_;
  }

  void object(const files::IdSearch::Hit& hit) {
    if (output_.json()) return output_.raw(separator() + json(hit));
    output_.row(fmt::format("Found {} {}", hit.is_tree ? "tree" : "blob", hit.id.hex()));
    output_.row(fmt::format(" ... {} {}", hit.is_tree ? "path" : "in file", hit.path));
    if (!hit.is_tree) output_.row(fmt::format("     (tree {})", hit.parent.hex()));
    output_.row(fmt::format(" ... in snapshot {} ({})", snapshot_->id.short_hex(), local_time_text(snapshot_->time)));
  }

  /// Of a snapshot's matches by name.
  void end() {
    if (output_.json() && hits_ > 0) {
      output_.raw(fmt::format("],\"hits\":{},\"snapshot\":\"{}\"}}", hits_, snapshot_->id.hex()));
    }
  }

  void finish() {
    if (output_.json()) output_.raw(objects_ == 0 ? "[]\n" : "]\n");
  }

  void pack_of(repo::BlobType type, const Id& id) {
    for (const auto& at : index_.find(type, id)) {
      output_.row(fmt::format("Object belongs to pack {}", at.pack.hex()));
      output_.row(fmt::format(" ... Pack {}: <Blob ({}) {}, offset {}, length {}, uncompressed length {}>",
                              at.pack.short_hex(), type == repo::BlobType::kTree ? "tree" : "data", id.short_hex(),
                              at.offset, at.length, at.plain_length));
    }
  }

 private:
  std::string separator() { return objects_++ == 0 ? "[" : ","; }

  std::string json(const files::IdSearch::Hit& hit) const {
    std::string out;
    repo::JsonObject object(out);
    object.string("object_type", hit.is_tree ? "tree" : "blob");
    object.id("id", hit.id);
    object.string("path", hit.path);
    if (!hit.is_tree) object.id("parent_tree", hit.parent);
    object.id("snapshot", snapshot_->id);
    object.string("time", snapshot_->time_text);
    const auto places = index_.find(hit.is_tree ? repo::BlobType::kTree : repo::BlobType::kData, hit.id);
    if (words_.show_pack && !places.empty()) object.id("pack", places.front().pack);
    object.close();
    return out;
  }

  Output& output_;
  const FindWords& words_;
  const repo::Index& index_;
  const repo::Snapshot* snapshot_ = nullptr;
  uint64_t hits_ = 0, objects_ = 0;
};

Result<files::NameSearch::Query> query_of(const FindWords& words) {
  files::NameSearch::Query query;
  auto patterns = words.patterns;
  std::ranges::replace(patterns, std::string(), std::string("*"));
  TRY_ASSIGN(query.patterns, files::ExcludeRules::parse(patterns, words.ignore_case));
  if (!words.oldest.empty()) {
    TRY_ASSIGN(query.oldest, parse_moment(words.oldest));
  }
  if (!words.newest.empty()) {
    TRY_ASSIGN(query.newest, parse_moment(words.newest));
  }
  if (query.oldest && query.newest && *query.oldest > *query.newest) {
    return fail(ErrorKind::kInvalidInput, "--oldest is later than --newest: nothing can lie between them");
  }
  return query;
}

Result<std::vector<std::string>> id_beginnings(const std::vector<std::string>& words) {
  std::vector<std::string> beginnings;
  for (std::string word : words) {
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (word.size() < 4 || word.size() > 64 || word.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return fail(Error(ErrorKind::kInvalidInput, "\"" + word + "\" is no id")
                      .hint("give 64 hexadecimal digits, or at least the first four of them"));
    }
    beginnings.push_back(word);
  }
  return beginnings;
}

/// The blobs and trees of packs, by the index.
Status add_packs(files::IdSearch& search, const repo::Index& index, const std::vector<std::string>& beginnings) {
  std::vector<bool> met(beginnings.size());
  index.for_each([&](repo::BlobType type, const Id& id, const repo::BlobLocation& at) {
    const std::string hex = at.pack.hex();
    for (size_t i = 0; i < beginnings.size(); ++i) {
      if (!hex.starts_with(beginnings[i])) continue;
      met[i] = true;
      (type == repo::BlobType::kTree ? search.exact_trees : search.exact_blobs).insert(id);
    }
  });
  for (size_t i = 0; i < met.size(); ++i) {
    if (!met[i]) return fail(ErrorKind::kNotFound, "no pack of the index is named " + beginnings[i]);
  }
  return {};
}

/// Goes through the snapshots with one kind of search; the exit code.
class Finder {
 public:
  Finder(Context& context, const FindWords& words) : context_(context), words_(words) {}

  Result<int> run() {
    if (words_.blobs + words_.trees + words_.packs > 1) {
      return fail(ErrorKind::kInvalidInput, "only one of --blob, --tree and --pack can be given");
    }
    const bool by_id = words_.blobs || words_.trees || words_.packs;
    files::NameSearch::Query query;
    std::vector<std::string> beginnings;
    if (by_id) {
      TRY_ASSIGN(beginnings, id_beginnings(words_.patterns));
    } else {
      TRY_ASSIGN(query, query_of(words_));
    }
    TRY_ASSIGN(repository_, context_.open(Access::kRead));
    TRY_ASSIGN(const auto filter, words_.selection.filter(words_.snapshots));
    TRY_ASSIGN(auto snapshots, repo::select_snapshots(*repository_, words_.snapshots, filter, repository_.cancel));
    TRY(repository_->load_index(repository_.cancel));
    std::ranges::sort(snapshots, {}, &repo::Snapshot::time);
    if (!words_.reverse) std::ranges::reverse(snapshots);  // the newest first
    FindPrinter printer(context_.output(), words_, repository_->index());
    if (by_id) {
      TRY(find_ids(snapshots, beginnings, printer));
    } else {
      TRY(find_names(snapshots, std::move(query), printer));
    }
    return unreadable_ == 0 ? kOk : kFailed;
  }

 private:
  using Snapshots = std::vector<repo::Snapshot>;

  files::NameSearch::Unreadable note_unreadable() {
    return [this](const std::string& path, const Id&, const Error& error) {
      ++unreadable_;
      context_.output().problem("find", path, error);
    };
  }

  Status find_names(const Snapshots& snapshots, files::NameSearch::Query query, FindPrinter& printer) {
    files::NameSearch search(std::move(query));
    for (const auto& snapshot : snapshots) {
      printer.begin(snapshot);
      const auto found = [&](const files::Entry& entry) -> Status {
        printer.match(entry);
        return {};
      };
      TRY(search.run(*repository_, snapshot.tree, found, note_unreadable(), repository_.cancel));
      printer.end();
    }
    printer.finish();
    return {};
  }

  Status find_ids(const Snapshots& snapshots, const std::vector<std::string>& beginnings, FindPrinter& printer) {
    files::IdSearch search;
    if (words_.blobs) search.blobs = beginnings;
    if (words_.trees) search.trees = beginnings;
    if (words_.packs) TRY(add_packs(search, repository_->index(), beginnings));
    for (const auto& snapshot : snapshots) {
      printer.begin(snapshot);
      const auto found = [&](const files::IdSearch::Hit& hit) -> Status {
        printer.object(hit);
        return {};
      };
      TRY(search.run(*repository_, snapshot.tree, found, note_unreadable(), repository_.cancel));
    }
    printer.finish();
    if (!words_.show_pack) return {};
    for (const Id& id : search.met_blobs()) printer.pack_of(repo::BlobType::kData, id);
    for (const Id& id : search.met_trees()) printer.pack_of(repo::BlobType::kTree, id);
    return {};
  }

  Context& context_;
  const FindWords& words_;
  OpenRepository repository_;
  uint64_t unreadable_ = 0;
};

}  // namespace

void add_find(Command& app, Context& context) {
  auto* command = app.add_subcommand("find", "search snapshots for files, or for blobs, trees and packs");
  command->footer(
      "Examples:\n"
      "  varve find '*.conf' --newest 2026-01-01\n"
      "  varve find --blob 420f620f");
  auto words = std::make_shared<FindWords>();
  command->add_option("pattern", words->patterns, "names or paths, with * ? [] and **; or ids")
      ->required()
      ->type_name("PATTERN");
  command->add_option("-s,--snapshot", words->snapshots, "search only this snapshot")->type_name("SNAPSHOT");
  command->add_option("-O,--oldest", words->oldest, "only what was modified at TIME or later")->type_name("TIME");
  command->add_option("-N,--newest", words->newest, "only what was modified at TIME or before")->type_name("TIME");
  command->add_flag("-i,--ignore-case", words->ignore_case, "in upper or lower case");
  command->add_flag("-l,--long", words->details, "modes, owners, sizes and times too");
  command->add_flag("--human-readable", words->human, "sizes with units");
  command->add_flag("-R,--reverse", words->reverse, "the oldest snapshot first");
  command->add_flag("--blob", words->blobs, "the patterns are ids of data blobs");
  command->add_flag("--tree", words->trees, "the patterns are ids of trees");
  command->add_flag("--pack", words->packs, "the patterns are ids of packs");
  command->add_flag("--show-pack-id", words->show_pack, "name the packs of the blobs and trees that were found");
  add_selection_options(*command, words->selection);
  command->callback([&context, words] { context.run = [&context, words] { return Finder(context, *words).run(); }; });
}

}  // namespace varve::cli
