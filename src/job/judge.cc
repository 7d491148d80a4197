#include "job/judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "job/layout.h"

namespace varve::job {

namespace {

class Judge {
 public:
  Judge(const Evidence& evidence, std::vector<ReadCollection>& read, BackupResult& result)
      : evidence_(evidence), read_(read), result_(result) {}

  void run() {
    judge_oplog();
    for (const auto& out : evidence_.catalog.left_out) skip(out.ns.text(), out.reason, false);
    judge_consistency();
    for (const auto& read : read_) {
      if (!kept(read)) skip(read.plan.info.ns.text(), "a temporary of the server's, not renamed", false);
    }
    std::erase_if(read_, [&](const ReadCollection& read) { return !kept(read); });
    for (const auto& read : read_) judge_gone(read);
    std::ranges::sort(read_, {}, [](const ReadCollection& read) { return read.plan.info.ns; });
    for (const auto& read : read_) result_.manifest.collections.push_back(entry_for(read));
  }

 private:
  void skip(std::string what, std::string reason, bool counts) {
    if (counts) result_.shortfalls.push_back(reason);
    result_.manifest.skipped.push_back({std::move(what), std::move(reason), counts});
  }

  void judge_oplog() {
    auto& m = result_.manifest;
    const auto& filter = evidence_.oplog.filter();
    m.oplog_entries = evidence_.oplog.entries();
    m.oplog_changes = filter.changes();
    for (const auto& reason : filter.needs_varve()) m.needs_varve.push_back(reason);
    for (const auto& reason : filter.incomplete()) skip("collections renamed in", reason, true);
  }

  void judge_consistency() {
    if (result_.manifest.consistency != "inconsistent" || evidence_.accept_inconsistent) return;
    const auto& product = evidence_.source.product;
    result_.shortfalls.push_back(
        !product.empty() ? product +
                               " does not tell whether it was written to meanwhile, so the collections may be of "
                               "different moments (nothing else is missing: --accept-inconsistent takes that for good)"
                         : "the standalone server was written to meanwhile, so the collections may be of different "
                           "moments (a replica set, even of one member, has an oplog and can be read consistently)");
  }

  /// What of a collection could not be read is made up for by its drop alone: a rename leaves its documents.
  void judge_gone(const ReadCollection& read) {
    if (!read.gone || evidence_.oplog.filter().dropped().contains(uuid_of(read))) return;
    skip(read.plan.info.ns.text(),
         read.plan.info.ns.text() + " was " + read.note +
             ", but the oplog does not tell that it was dropped: documents of it are missing",
         true);
  }

  bool kept(const ReadCollection& read) const {
    return read.plan.selected || evidence_.oplog.filter().renamed().contains(uuid_of(read));
  }

  static std::string uuid_of(const ReadCollection& read) { return std::string(as_text(read.plan.info.uuid)); }

  collection::CollectionEntry entry_for(const ReadCollection& read) {
    const auto& info = read.plan.info;
    const bool standalone = evidence_.source.kind == mongo::Kind::kStandalone;
    collection::CollectionEntry entry;
    entry.ns = info.ns;
    entry.type = info.type;
    entry.uuid = to_hex(info.uuid);
    entry.options = info.options;
    entry.id_index = info.id_index;
    entry.indexes = info.indexes;
    add_unfinished(read, entry);
    entry.order = read.plan.order.value_or(collection::Order::kNatural);
    entry.average_chunk = read.plan.average_chunk;
    entry.how = standalone ? "standalone" : std::string(text_of(read.how));
    entry.note = read.note;
    if (read.file) {
      entry.as_read = read.file->digest();
      result_.bytes += entry.as_read.bytes;
      if (!is_of_the_server(info.ns)) result_.documents += entry.as_read.documents;
    }
    return entry;
  }

  /// An index whose build had not ended counts only if it was made in the window (RULES 7). The oplog then has it as it
  /// was made: the build that the listing met may have been given up for another one of the same name.
  void add_unfinished(const ReadCollection& read, collection::CollectionEntry& entry) {
    const auto& made = evidence_.oplog.filter().made_indexes();
    const auto its = made.find(uuid_of(read));
    for (const auto& name : read.plan.info.unfinished) {
      if (its != made.end() && its->second.contains(name)) continue;
      entry.unfinished_indexes.push_back(name);
      result_.remarks.push_back(
          fmt::format("{}: index {} was still being built and is not in the backup", entry.ns.text(), name));
    }
  }

  const Evidence& evidence_;
  std::vector<ReadCollection>& read_;
  BackupResult& result_;
};

}  // namespace

void judge(const Evidence& evidence, std::vector<ReadCollection>& read, BackupResult& result) {
  Judge(evidence, read, result).run();
}

}  // namespace varve::job
