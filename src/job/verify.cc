#include "job/verify.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "job/check_versions.h"
#include "job/compare_catalog.h"
#include "job/compare_documents.h"
#include "job/layout.h"
#include "job/renamed.h"
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
    TRY_ASSIGN(version_, mongo::server_version(connection, cancel));
    TRY_ASSIGN(moment_, BackupMoment::open(backup_, options_.filter, options_.merge, cancel));
    TRY_ASSIGN(const auto catalog, mongo::list_catalog(connection, cancel));
    for (const auto& info : catalog.collections) server_[info.ns] = &info;
    for (size_t i = 0; i < moment_->collections().size(); ++i) {
      if (taken(entry(i).ns)) indexes_.push_back(i);
    }
    if (indexes_.empty()) {
      return fail(Error(ErrorKind::kInvalidInput, "there is nothing in this backup to compare")
                      .hint("`varve show SNAPSHOT` lists its collections"));
    }
    std::ranges::stable_sort(indexes_, std::greater{}, [this](size_t i) { return entry(i).as_read.bytes; });
    for (const size_t i : indexes_) bytes_total_ += entry(i).as_read.bytes;
    TRY(compare_all(cancel));
    find_extra();
    for (const auto& missing : moment_->missing()) result_.remarks.push_back(missing);
    std::ranges::sort(result_.differences, {}, &Difference::ns);
    std::ranges::sort(result_.remarks);
    return std::move(result_);
  }

 private:
  const collection::CollectionEntry& entry(size_t index) const { return moment_->collections()[index].entry; }

  bson::Namespace on_server(size_t index) const { return options_.rename(entry(index).ns); }

  /// The entry as it should be on the server.
  Result<collection::CollectionEntry> expected_entry(size_t index, std::vector<std::string>& remarks) const {
    const auto name = on_server(index).text();
    auto expected = in_words_of(version_, backup_.manifest(), entry(index), name, remarks);
    if (expected.type == "view" && !options_.rename.empty()) {
      TRY_ASSIGN(expected.options, rename_in_view(expected.ns, expected.options, options_.rename));
    }
    return expected;
  }

  /// Users and roles are merged, never replaced, so they are not compared.
  bool taken(const bson::Namespace& ns) const {
    return !is_of_the_server(ns) && options_.filter.takes(bson::logical(ns));
  }

  Status compare_all(const Cancel& cancel) {
    const auto step = [this](mongo::Connection& connection, size_t index, const Cancel& stop) {
      return compare(connection, indexes_[index], stop);
    };
    return for_each_connected(options_.against, options_.readers, indexes_.size(), step, cancel);
  }

  Status compare(mongo::Connection& connection, size_t index, const Cancel& cancel) {
    const auto& entry = this->entry(index);
    Difference difference;
    difference.ns = on_server(index);
    bson::Digest digest;
    const auto there = server_.find(difference.ns);
    if (there == server_.end()) {
      difference.what.push_back(
          fmt::format("is missing on the server ({} documents in the backup)", entry.as_read.documents));
    } else {
      TRY(compare_with(*there->second, index, difference));
      if (entry.type == "collection") {
        TRY_ASSIGN(digest, compare_data(connection, index, difference, cancel));
      }
    }
    report(entry, digest);
    if (difference.agrees()) return {};
    std::lock_guard lock(mutex_);
    result_.differences.push_back(std::move(difference));
    return {};
  }

  Status compare_with(const mongo::CollectionInfo& there, size_t index, Difference& difference) {
    std::vector<std::string> remarks, same;
    TRY_ASSIGN(const auto expected, expected_entry(index, remarks));
    compare_catalog(expected, there, difference, same);
    for (auto& remark : same) remarks.push_back(there.ns.text() + ": " + std::move(remark));
    std::lock_guard lock(mutex_);
    std::ranges::move(remarks, std::back_inserter(result_.remarks));
    return {};
  }

  Result<bson::Digest> compare_data(mongo::Connection& connection, size_t index, Difference& difference,
                                    const Cancel& cancel) {
    const auto& ns = difference.ns;
    TRY_ASSIGN(const auto expected, digest_of_moment(index, cancel));
    TRY_ASSIGN(const auto found, digest_on_server(connection, ns, {}, cancel));
    const bool ordered = entry(index).options.view().truthy("capped");
    if (found == expected && !ordered) return found;
    const auto ours = documents_of(backup_, entry(index).ns, options_.merge);
    const auto theirs = documents_of(connection, ns);
    if (found != expected) {
      TRY(compare_documents(ours, theirs, options_.named_per_collection, difference, cancel));
      // Documents that a standalone's backup met twice have no `_id` of their own to be named by.
      if (difference.agrees() && found.documents != expected.documents) {
        difference.what.push_back(
            fmt::format("has {} documents on the server and {} in the backup", found.documents, expected.documents));
      }
      return found;
    }
    TRY_ASSIGN(const auto our_order, order_of(ours, cancel));
    TRY_ASSIGN(const auto their_order, order_of(theirs, cancel));
    if (our_order == their_order) return found;
    difference.what.emplace_back("is a capped collection and holds the same documents in another order");
    return found;
  }

  Result<bson::Digest> digest_of_moment(size_t index, const Cancel& cancel) {
    if (moment_->collections()[index].untouched) return entry(index).as_read;
    TRY_ASSIGN(const auto reading, CollectionReading::open(*moment_, index, cancel));
    TRY(read_collection(
        *reading, [](ByteView) { return Status(); }, cancel));
    return reading->digest();
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
    for (const size_t i : indexes_) {
      databases.insert(on_server(i).db);
      in_backup.insert(on_server(i));
    }
    for (const auto& [ns, info] : server_) {
      if (!databases.contains(ns.db) || in_backup.contains(ns) || ns != bson::logical(ns)) continue;
      // Which names of the server stand for something of the backup is not known once they are other ones.
      if (options_.rename.empty() ? !taken(ns) : is_of_the_server(ns) || !options_.filter.takes_all()) continue;
      Difference difference;
      difference.ns = ns;
      difference.what.emplace_back("is only on the server");
      result_.differences.push_back(std::move(difference));
    }
  }

  const BackupReader& backup_;
  VerifyOptions options_;
  Reporter& reporter_;
  mongo::ServerVersion version_;
  std::map<bson::Namespace, const mongo::CollectionInfo*> server_;
  std::unique_ptr<BackupMoment> moment_;
  std::vector<size_t> indexes_;  // in the moment's collections
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
