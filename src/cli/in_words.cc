#include "cli/in_words.h"

#include <vector>

#include "dump/names.h"
#include "job/layout.h"

namespace varve::cli {

namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0) parts.push_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

bool take_suffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

std::string collection(std::string_view db, std::string_view escaped) {
  const std::string name = dump::unescape_collection(escaped).value_or(std::string(escaped));
  constexpr std::string_view kBuckets = "system.buckets.";
  if (name.starts_with(kBuckets)) return "time series " + std::string(db) + "." + name.substr(kBuckets.size());
  return "collection " + std::string(db) + "." + name;
}

/// Of the folder dump: what lies at `parts` below it; empty if it is nothing of ours.
std::string dump_in_words(std::span<const std::string_view> parts) {
  if (parts.empty()) return "every collection";
  if (parts[0] == "oplog.bson") return "the oplog of the backup's window";
  if (parts[0] == "prelude.json") return "the dump's prelude";
  if (parts.size() == 1) return "every collection of database " + std::string(parts[0]);
  if (parts.size() > 2) return {};
  std::string_view name = parts[1];
  if (take_suffix(name, ".metadata.json")) return "options and indexes of " + collection(parts[0], name);
  if (take_suffix(name, ".bson")) return collection(parts[0], name);
  return {};
}

std::string backup_in_words(std::span<const std::string_view> parts) {
  if (parts[0] == "dump") return dump_in_words(parts.subspan(1));
  if (parts[0] != "varve") return {};
  if (parts.size() > 1 && parts[1] == "keys") return "the index by _id of a collection";
  return "the backup's manifest";
}

}  // namespace

std::string in_words(std::string_view path) {
  const auto parts = split(path);
  std::string words;
  if (parts.size() > 3 && parts[0] == "mongodb") words = backup_in_words(std::span(parts).subspan(3));
  if (!words.empty()) return words;
  if (parts.empty()) return "everything";
  return path.starts_with('/') ? std::string(path) : "/" + std::string(path);
}

}  // namespace varve::cli
