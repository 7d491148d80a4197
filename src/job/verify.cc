#include "job/verify.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "job/compare_catalog.h"
#include "job/compare_documents.h"
#include "job/layout.h"
#include "job/target_digest.h"
#include "job/workers.h"
#include "mongo/catalog.h"

namespace varve::job {

namespace {

constexpr unsigned kDefaultReaders = 2;

class Verify {
 public:
  Verify(const BackupReader& backup, const VerifyOptions& options, Reporter& reporter)
      : backup_(backup), options_(options), reporter_(reporter) {
    if (options_.readers == 0) options_.readers = kDefaultReaders;
  }

  Result<VerifyResult> run(const Cancel& cancel) {
    TRY_ASSIGN(auto connection, mongo::Connection::open(options_.against, cancel));
    TRY_ASSIGN(const auto catalog, mongo::list_catalog(connection, cancel));
    for (const auto& info : catalog.collections) server_[info.ns] = &info;
    for (const auto& entry : backup_.manifest().collections) {
      if (taken(entry.ns)) entries_.push_back(&entry);
    }
    if (entries_.empty()) {
      return fail(Error(ErrorKind::kInvalidInput, "there is nothing in this backup to compare")
                      .hint("`varve show SNAPSHOT` lists its collections"));
    }
    std::ranges::stable_sort(entries_, std::greater{}, [](const auto* entry) { return entry->as_read.bytes; });
    for (const auto* entry : entries_) bytes_total_ += entry->as_read.bytes;
    TRY(compare_all(cancel));
    find_extra();
    tell_about_moment();
    std::ranges::sort(result_.differences, {}, &Difference::ns);
    return std::move(result_);
  }

 private:
  /// Users and roles are merged, never replaced, so they are not compared.
  bool taken(const bson::Namespace& ns) const {
    return !is_of_the_server(ns) && options_.filter.takes(bson::logical(ns));
  }

  Status compare_all(const Cancel& cancel) {
    const auto step = [this](mongo::Connection& connection, size_t index, const Cancel& stop) {
      return compare(connection, *entries_[index], stop);
    };
    return for_each_connected(options_.against, options_.readers, entries_.size(), step, cancel);
  }

  Status compare(mongo::Connection& connection, const collection::CollectionEntry& entry, const Cancel& cancel) {
    Difference difference;
    difference.ns = entry.ns;
    bson::Digest digest;
    const auto on_server = server_.find(entry.ns);
    if (on_server == server_.end()) {
      difference.what.push_back(
          fmt::format("is missing on the server ({} documents in the backup)", entry.as_read.documents));
    } else {
      compare_catalog(entry, *on_server->second, difference);
      if (entry.type == "collection") {
        TRY_ASSIGN(digest, compare_data(connection, entry, difference, cancel));
      }
    }
    report(entry, digest);
    if (difference.agrees()) return {};
    std::lock_guard lock(mutex_);
    result_.differences.push_back(std::move(difference));
    return {};
  }

  Result<bson::Digest> compare_data(mongo::Connection& connection, const collection::CollectionEntry& entry,
                                    Difference& difference, const Cancel& cancel) {
    TRY_ASSIGN(const auto found, digest_on_server(connection, entry.ns, {}, cancel));
    const bool ordered = entry.options.view().truthy("capped");
    if (found == entry.as_read && !ordered) return found;
    TRY_ASSIGN(const auto file, backup_.data(entry, cancel));
    const auto ours = documents_of(backup_, file);
    const auto theirs = documents_of(connection, entry.ns);
    if (found != entry.as_read) {
      TRY(compare_documents(ours, theirs, options_.named_per_collection, difference, cancel));
      // Documents that the backup met twice have no `_id` of their own to be named by.
      if (difference.agrees() && found.documents != entry.as_read.documents) {
        difference.what.push_back(fmt::format("has {} documents on the server and {} in the backup", found.documents,
                                              entry.as_read.documents));
      }
      return found;
    }
    TRY_ASSIGN(const bool same, same_order(ours, theirs, cancel));
    if (!same) difference.what.emplace_back("is a capped collection and holds the same documents in another order");
    return found;
  }

  void report(const collection::CollectionEntry& entry, const bson::Digest& digest) {
    std::lock_guard lock(mutex_);
    if (entry.ns == bson::logical(entry.ns)) ++result_.collections;
    result_.documents += digest.documents;
    result_.bytes += digest.bytes;
    reporter_.progress({.action = "verify",
                        .item = entry.ns.text(),
                        .documents = result_.documents,
                        .bytes = result_.bytes,
                        .bytes_total = bytes_total_});
  }

  /// Collections of the same databases that only the server has.
  void find_extra() {
    std::set<std::string> databases;
    std::set<bson::Namespace> in_backup;
    for (const auto* entry : entries_) databases.insert(entry->ns.db);
    for (const auto& entry : backup_.manifest().collections) in_backup.insert(entry.ns);
    for (const auto& [ns, info] : server_) {
      if (!databases.contains(ns.db) || in_backup.contains(ns) || !taken(ns) || ns != bson::logical(ns)) continue;
      Difference difference;
      difference.ns = ns;
      difference.what.emplace_back("is only on the server");
      result_.differences.push_back(std::move(difference));
    }
  }

  void tell_about_moment() {
    const auto& m = backup_.manifest();
    if (m.oplog_changes == 0 || result_.differences.empty()) return;
    result_.remarks.push_back(
        fmt::format("{} operations came in while the backup was read ({} to {}); documents that they "
                    "changed may differ by that alone",
                    m.oplog_changes, m.t0.text(), m.t1.text()));
  }

  const BackupReader& backup_;
  VerifyOptions options_;
  Reporter& reporter_;
  std::map<bson::Namespace, const mongo::CollectionInfo*> server_;
  std::vector<const collection::CollectionEntry*> entries_;
  uint64_t bytes_total_ = 0;
  std::mutex mutex_;  // guards result_
  VerifyResult result_;
};

}  // namespace

Result<VerifyResult> verify(const BackupReader& backup, const VerifyOptions& options, Reporter& reporter,
                            const Cancel& cancel) {
  return Verify(backup, options, reporter).run(cancel);
}

}  // namespace varve::job
