#include "dump/folder_catalog.h"

#include <algorithm>
#include <map>

#include "bson/from_json.h"
#include "dump/gunzip.h"
#include "dump/metadata.h"
#include "dump/names.h"

namespace varve::dump {

namespace {

constexpr size_t kMostText = 16u << 20;
constexpr uint64_t kMostDescribed = 256u << 20;
constexpr std::string_view kSpecial = "$admin.system.";  // mongodump --dumpDbUsersAndRoles leaves the $ as it is

/// The name before one of these suffixes; nothing if it has none.
std::optional<std::string> stem_of(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  for (const auto suffix : suffixes) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      return std::string(name.substr(0, name.size() - suffix.size()));
    }
  }
  return std::nullopt;
}

std::optional<std::string> data_stem(std::string_view name) {
  return stem_of(name, {".bson", ".bson.gz", ".bin", ".bin.gz"});  // .bin: before 2.0
}

std::optional<std::string> metadata_stem(std::string_view name) {
  return stem_of(name, {".metadata.json", ".metadata.json.gz"});
}

bool is_prelude(std::string_view name) {
  return name == "prelude.json" || name == "prelude.json.gz";
}

bool is_oplog(std::string_view name) {
  return name == "oplog.bson" || name == "oplog.bson.gz";  // the former also where it is compressed
}

bool is_of_mongodump(std::string_view name) {
  return data_stem(name) || metadata_stem(name) || is_prelude(name);
}

/// One collection's files by what their names begin with.
struct Pair {
  std::string data, metadata;  // file names; empty if there is none
  std::string text;            // of the metadata
};

class Lister {
 public:
  Lister(const SourceFolder& root, std::string only) : root_(root), only_(std::move(only)) {}

  Result<FolderCatalog> run(const std::string& database) {
    TRY_ASSIGN(const auto entries, root_.list());
    TRY(refuse_links(root_, entries));
    const bool server = only_.empty() && is_server(entries);
    const bool one = std::ranges::any_of(entries, [&](const auto& entry) { return is_collection(entry.name, server); });
    if (one) {
      TRY(refuse_both(entries));
      TRY(add_database(root_, "", database, entries));
    } else {
      TRY(add_server(entries));
    }
    const bool only_oplog = std::ranges::all_of(catalog_.files, [](const DataFile& file) { return file.ns == kOplog; });
    if (only_oplog && catalog_.contents.collections.empty()) return fail(nothing_here());
    // After everything else, as it was written.
    std::ranges::stable_sort(catalog_.files, {}, [](const DataFile& file) { return file.ns == kOplog; });
    return std::move(catalog_);
  }

 private:
  using Entries = std::vector<SourceFolder::Entry>;

  /// It has folders, or nothing but an oplog.
  static bool is_server(const Entries& entries) {
    const auto is_folder = [](const auto& entry) { return entry.kind == SourceFolder::Kind::kFolder; };
    return std::ranges::any_of(entries, is_folder) ||
           std::ranges::none_of(entries, [](const auto& entry) { return is_collection(entry.name, true); });
  }

  /// At the top of a server's dump oplog.bson is the oplog, in a database's folder a collection of that name.
  static bool is_collection(std::string_view name, bool server) {
    return (data_stem(name) || metadata_stem(name)) && !(server && is_oplog(name));
  }

  Error nothing_here() const {
    const auto* what = catalog_.files.empty() ? " holds nothing that mongodump writes"
                                              : " holds an oplog and no collections that it could belong to";
    return Error(ErrorKind::kInvalidInput, root_.shown() + what)
        .hint("name the folder that mongodump wrote (dump, unless it was told otherwise), or one database's inside")
        .hint("an archive is given as --archive=FILE");
  }

  static Status refuse_links(const SourceFolder& folder, const Entries& entries) {
    for (const auto& entry : entries) {
      if (entry.kind != SourceFolder::Kind::kLink) continue;
      return fail(Error(ErrorKind::kDenied, folder.shown() + "/" + entry.name +
                                                " is a link; links inside a dump are not followed, and without what it "
                                                "leads to the dump is not whole")
                      .hint("put the file or folder itself there, or take the link out"));
    }
    return {};
  }

  Status refuse_both(const Entries& entries) const {
    if (!only_.empty()) return {};
    for (const auto& entry : entries) {
      if (entry.kind != SourceFolder::Kind::kFolder) continue;
      TRY_ASSIGN(const auto inner, root_.enter(entry.name));
      TRY_ASSIGN(const auto inside, inner.list());
      if (std::ranges::none_of(inside, [](const auto& e) { return data_stem(e.name) || metadata_stem(e.name); })) {
        continue;
      }
      return fail(
          Error(ErrorKind::kInvalidInput, root_.shown() + " holds collections and, in " + entry.name + ", a database")
              .hint("name the folder of one database, or take the collections out of the folder above"));
    }
    return {};
  }

  Status add_server(const Entries& entries) {
    TRY(read_prelude(root_, entries));
    for (const auto& entry : entries) {
      if (entry.kind == SourceFolder::Kind::kFolder) {
        TRY_ASSIGN(const auto folder, root_.enter(entry.name));
        TRY_ASSIGN(const auto inside, folder.list());
        TRY(refuse_links(folder, inside));
        if (std::ranges::any_of(inside, [](const auto& e) { return is_of_mongodump(e.name); })) {
          TRY(add_database(folder, entry.name, entry.name, inside));
        } else {
          catalog_.passed_over.push_back(folder.shown());
        }
      } else if (is_oplog(entry.name)) {
        TRY(add_file(root_, {kOplog, "", entry.name}));
      } else if (!is_prelude(entry.name)) {
        catalog_.passed_over.push_back(root_.shown() + "/" + entry.name);
      }
    }
    return {};
  }

  Status add_database(const SourceFolder& folder, const std::string& place, const std::string& db,
                      const Entries& entries) {
    auto sound = check_database(db);
    if (!sound) return fail(std::move(sound.error()).within(folder.shown()));
    TRY(read_prelude(folder, entries));
    std::map<std::string, Pair> pairs;
    for (const auto& entry : entries) TRY(sort_in(folder, entry, pairs));
    for (auto& [stem, pair] : pairs) {
      if (pair.metadata.empty()) continue;
      TRY_ASSIGN(pair.text, read_text(folder, pair.metadata));
      described_ += pair.text.size();
      if (described_ > kMostDescribed) {
        return fail(ErrorKind::kUnsupported, root_.shown() + " describes more than 256 MiB of collections");
      }
    }
    std::map<bson::Namespace, std::string> names;
    for (const auto& [stem, pair] : pairs) {
      TRY_ASSIGN(const auto name, name_of(folder, stem, pairs));
      const bson::Namespace ns{db, name};
      if (const auto [other, is_new] = names.emplace(ns, stem); !is_new) {
        return fail(ErrorKind::kInvalidInput,
                    folder.shown() + ": " + other->second + " and " + stem + " are both the collection " + ns.text());
      }
      if (!pair.metadata.empty()) catalog_.contents.collections.push_back({ns, "", pair.text});
      if (!pair.data.empty()) TRY(add_file(folder, {ns, place, pair.data}));
    }
    return {};
  }

  Status sort_in(const SourceFolder& folder, const SourceFolder::Entry& entry, std::map<std::string, Pair>& pairs) {
    const auto metadata = metadata_stem(entry.name);
    const auto stem = metadata ? metadata : data_stem(entry.name);
    if (!only_.empty() && stem != data_stem(only_)) return {};
    if (!stem || entry.kind != SourceFolder::Kind::kFile) {
      if (!is_prelude(entry.name)) catalog_.passed_over.push_back(folder.shown() + "/" + entry.name);
      return {};
    }
    auto& pair = pairs[*stem];
    auto& file = metadata ? pair.metadata : pair.data;
    if (!file.empty()) {
      return fail(Error(ErrorKind::kInvalidInput, folder.shown() + " holds both " + file + " and " + entry.name)
                      .hint("they are two dumps of one collection: take the one out that is not meant"));
    }
    file = entry.name;
    return {};
  }

  static Result<std::string> collection_in(const SourceFolder& folder, const Pair& pair) {
    auto metadata = parse_metadata(pair.text);
    if (!metadata) return fail(std::move(metadata.error()).within(folder.shown() + "/" + pair.metadata));
    return std::move(metadata->collection);
  }

  static Result<std::string> name_of(const SourceFolder& folder, const std::string& stem,
                                     const std::map<std::string, Pair>& pairs) {
    if (stem.starts_with(kSpecial)) return stem;
    if (!is_shortened(stem)) return unescape_collection(stem).value_or(unescape_loosely(stem));
    TRY_ASSIGN(auto own, collection_in(folder, pairs.at(stem)));
    if (!own.empty() && escape_collection(own) != stem) {
      return fail(Error(ErrorKind::kInvalidInput,
                        folder.shown() + "/" + stem + " is of another collection than its metadata tell of, " + own)
                      .hint("put the .metadata.json beside it that was written with it"));
    }
    if (!own.empty()) return own;
    // A time-series' buckets have a name of their own, but no metadata.
    for (const auto& [other, pair] : pairs) {
      TRY_ASSIGN(const auto name, collection_in(folder, pair));
      if (escape_collection("system.buckets." + name) == stem) return "system.buckets." + name;
    }
    return fail(Error(ErrorKind::kInvalidInput,
                      folder.shown() + "/" + stem + " has a shortened name, and there is no metadata to tell the whole")
                    .hint("put its .metadata.json beside it"));
  }

  Status add_file(const SourceFolder& folder, DataFile file) {
    TRY_ASSIGN(const auto open, folder.file(file.name));
    catalog_.bytes += open.size();
    catalog_.files.push_back(std::move(file));
    return {};
  }

  /// The first that there is counts.
  Status read_prelude(const SourceFolder& folder, const Entries& entries) {
    if (!catalog_.contents.server_version.empty()) return {};
    for (const auto& entry : entries) {
      if (!is_prelude(entry.name)) continue;
      TRY_ASSIGN(const auto text, read_text(folder, entry.name));
      const auto prelude = bson::from_json(text);
      if (!prelude) return fail(Error(prelude.error()).within(folder.shown() + "/" + entry.name));
      catalog_.contents.server_version = prelude->view().string("ServerVersion").value_or("");
      catalog_.contents.tool_version = prelude->view().string("ToolVersion").value_or("");
    }
    return {};
  }

  const SourceFolder& root_;
  const std::string only_;
  FolderCatalog catalog_;
  uint64_t described_ = 0;
};

}  // namespace

Result<std::string> read_text(const SourceFolder& folder, const std::string& name) {
  const auto shown = folder.shown() + "/" + name;
  TRY_ASSIGN(auto file, folder.file(name));
  auto input = plain(reading(std::make_shared<InputFile>(std::move(file)), {}));
  if (!input) return fail(std::move(input.error()).within(shown));
  LookAhead look(std::move(input->read));
  const auto bytes = look.peek(kMostText + 1);
  if (!bytes) return fail(Error(bytes.error()).within(shown));
  if (bytes->size() > kMostText) return fail(ErrorKind::kUnsupported, shown + " is larger than 16 MiB");
  return std::string(as_text(*bytes));
}

Result<FolderCatalog> list_dump(const SourceFolder& root, const std::string& database, const std::string& only) {
  return Lister(root, only).run(database);
}

}  // namespace varve::dump
