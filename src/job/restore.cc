#include "job/restore.h"

#include <mutex>

#include <fmt/format.h>

#include "base/clock.h"
#include "job/compare_documents.h"
#include "job/restore_load.h"
#include "job/restore_plan.h"
#include "job/target_digest.h"
#include "job/workers.h"
#include "mongo/names.h"

namespace varve::job {

namespace {

constexpr unsigned kDefaultWriters = 2;

bool is_ttl(const bson::Document& index) {
  return index.view().find("expireAfterSeconds").has_value();
}
bool is_id_index(const bson::Document& index) {
  return index.view().string("name") == "_id_" || index.view().truthy("clustered");
}

/// One run, step by step; the steps are its methods in the order in which run() calls them.
class Restore {
 public:
  Restore(const BackupReader& backup, const RestoreOptions& options, Reporter& reporter)
      : backup_(backup), options_(options), reporter_(reporter) {
    if (options_.writers == 0) options_.writers = kDefaultWriters;
  }

  Result<RestoreResult> run(const Cancel& cancel) {
    TRY_ASSIGN(connection_, mongo::Connection::open(options_.to, cancel));
    TRY_ASSIGN(result_.moment, BackupMoment::open(backup_, options_.filter, options_.merge, cancel));
    TRY_ASSIGN(plan(), plan_restore(*result_.moment, options_, *connection_, cancel));
    if (!options_.drop) TRY(refuse_existing(plan()));
    tell_about_moment();
    if (options_.dry_run) return std::move(result_);
    if (options_.confirm && !options_.confirm(plan())) {
      return fail(ErrorKind::kCancelled, "not confirmed; nothing was written");
    }
    auto status = write(cancel);
    if (!status) {
      return fail(
          std::move(status).error().hint("collections restored so far stay on the target, and those to be replaced are "
                                         "as they were; start again with --drop"));
    }
    return std::move(result_);
  }

 private:
  RestorePlan& plan() { return result_.plan; }

  Status write(const Cancel& cancel) {
    TRY(create_collections(cancel));
    TRY_ASSIGN(const auto loaded,
               load_collections(*result_.moment, plan(), options_.to, options_.writers, reporter_, cancel));
    result_.written = true;
    for (size_t i = 0; i < loaded.size(); ++i) count(plan().items[i], loaded[i]);
    TRY(build_indexes(cancel));
    TRY(verify(loaded, cancel));
    TRY(put_in_place(cancel));
    TRY(turn_ttl_on(cancel));
    TRY(create_views(cancel));
    TRY(restore_users(cancel));
    return mongo::barrier(*connection_, plan().target, cancel);
  }

  void tell_about_moment() {
    const auto& m = backup_.manifest();
    for (const auto& missing : result_.moment->missing()) result_.shortfalls.push_back(missing);
    if (m.consistency == "inconsistent") {
      result_.shortfalls.push_back("the backup is of a standalone server that was written to while it was read");
    }
    if (plan().users_left_out) {
      result_.remarks.push_back("the backup's users and roles come back with a whole restore only and were left out");
    }
  }

  /// Runs `step` for each item that `takes` accepts, `writers` at once.
  Status for_each_item(const std::function<bool(const RestorePlan::Item&)>& takes, const Step& step,
                       const Cancel& cancel) {
    std::vector<size_t> taken;
    for (size_t i = 0; i < plan().items.size(); ++i) {
      if (takes(plan().items[i])) taken.push_back(i);
    }
    const auto one = [&](mongo::Connection& connection, size_t index, const Cancel& stop) {
      return step(connection, taken[index], stop);
    };
    return for_each_connected(options_.to, options_.writers, taken.size(), one, cancel);
  }

  /// Time-series first: creating one makes the bucket collection that its data go into.
  Status create_collections(const Cancel& cancel) {
    const auto create = [this](mongo::Connection& connection, size_t index, const Cancel& stop) {
      return create_one(connection, plan().items[index], stop);
    };
    TRY(for_each_item([](const auto& item) { return item.entry->type == "timeseries"; }, create, cancel));
    return for_each_item([](const auto& item) { return item.entry->type == "collection"; }, create, cancel);
  }

  static Status create_one(mongo::Connection& connection, const RestorePlan::Item& item, const Cancel& cancel) {
    const auto& entry = *item.entry;
    if (entry.ns != bson::logical(entry.ns)) return {};  // made with its time-series
    if (item.exists && item.drop_first) TRY(mongo::drop_collection(connection, entry.ns, cancel));
    if (item.load_into != entry.ns) TRY(mongo::drop_collection(connection, item.load_into, cancel));
    const auto options = bson::without(entry.options, "expireAfterSeconds");
    auto created = mongo::create_collection(connection, item.load_into, options, entry.id_index, cancel);
    if (!created) return fail(std::move(created.error()).within("cannot create " + entry.ns.text()));
    return {};
  }

  void count(const RestorePlan::Item& item, const Loaded& loaded) {
    result_.documents += loaded.as_stored.documents;
    result_.bytes += loaded.as_stored.bytes;
    if (loaded.met_twice == 0) return;
    result_.remarks.push_back(
        fmt::format("{}: {} documents were rewritten while they were read and met twice; one of the "
                    "two was restored",
                    item.entry->ns.text(), loaded.met_twice));
  }

  Status build_indexes(const Cancel& cancel) {
    return for_each_item([](const auto& item) { return !item.entry->indexes.empty() && item.entry->type != "view"; },
                         [this](mongo::Connection& connection, size_t index, const Cancel& stop) {
                           return build_some(connection, plan().items[index], plan().items[index].load_into, false,
                                             stop);
                         },
                         cancel);
  }

  Status build_some(mongo::Connection& connection, const RestorePlan::Item& item, const bson::Namespace& ns, bool ttl,
                    const Cancel& cancel) {
    const auto& entry = *item.entry;
    if (entry.ns != bson::logical(entry.ns)) return {};  // a time-series' indexes are built through its own name
    std::vector<bson::Document> wanted;
    for (const auto& index : entry.indexes) {
      if (!is_id_index(index) && is_ttl(index) == ttl) wanted.push_back(index);
    }
    if (wanted.empty()) return {};
    reporter_.progress({.action = "restore",
                        .item = entry.ns.text() + " (indexes)",
                        .bytes = result_.bytes,
                        .bytes_total = plan().bytes});
    const bool collation = entry.options.view().find("collation").has_value();
    TRY_ASSIGN(const auto failed, mongo::create_indexes(connection, ns, wanted, collation, cancel));
    std::lock_guard lock(mutex_);
    result_.indexes += wanted.size() - failed.size();
    for (const auto& index : failed) {
      result_.shortfalls.push_back(
          fmt::format("{}: index {} could not be built: {}", entry.ns.text(), index.name, index.reason));
    }
    return {};
  }

  Status verify(const std::vector<Loaded>& loaded, const Cancel& cancel) {
    differs_.assign(plan().items.size(), false);
    if (!options_.verify) {
      result_.shortfalls.push_back("the restored documents were not read back (--no-verify)");
      return {};
    }
    return for_each_item([](const auto& item) { return item.entry->type == "collection"; },
                         [&](mongo::Connection& connection, size_t index, const Cancel& stop) {
                           return verify_one(connection, index, loaded[index], stop);
                         },
                         cancel);
  }

  Status verify_one(mongo::Connection& connection, size_t index, const Loaded& loaded, const Cancel& cancel) {
    const auto& item = plan().items[index];
    const auto& expected = loaded.as_stored;
    reporter_.progress({.action = "restore",
                        .item = item.entry->ns.text() + " (verifying)",
                        .bytes = result_.bytes,
                        .bytes_total = plan().bytes});
    OrderHash order;  // of a capped collection, where it is part of the content (RULES 12)
    const auto visit = [&](ByteView document) -> Status {
      order.add(document);
      return {};
    };
    TRY_ASSIGN(const auto found, digest_on_server(connection, item.load_into,
                                                  loaded.order ? visit : std::function<Status(ByteView)>{}, cancel));
    if (found == expected && (!loaded.order || order == *loaded.order)) return {};
    std::lock_guard lock(mutex_);
    differs_[index] = true;
    if (found == expected) {
      result_.shortfalls.push_back(item.entry->ns.text() + ": the target holds its documents in another order");
      return {};
    }
    result_.shortfalls.push_back(
        fmt::format("{}: the target holds {} documents ({} bytes), {} ({} bytes) were restored{}",
                    item.entry->ns.text(), found.documents, found.bytes, expected.documents, expected.bytes,
                    found.documents == expected.documents ? ", and their contents differ" : ""));
    return {};
  }

  /// The replaced collection goes only when its successor is complete and proven; else both stay.
  Status put_in_place(const Cancel& cancel) {
    return for_each_item([](const auto& item) { return item.load_into != item.entry->ns; },
                         [this](mongo::Connection& connection, size_t index, const Cancel& stop) -> Status {
                           const auto& item = plan().items[index];
                           if (!differs_[index])
                             return mongo::rename_over(connection, item.load_into, item.entry->ns, stop);
                           std::lock_guard lock(mutex_);
                           result_.shortfalls.push_back(fmt::format("{}: kept as it was; what was restored is in {}",
                                                                    item.entry->ns.text(), item.load_into.text()));
                           return {};
                         },
                         cancel);
  }

  Status turn_ttl_on(const Cancel& cancel) {
    TRY(for_each_item([](const auto& item) { return item.entry->type != "view"; },
                      [this](mongo::Connection& connection, size_t index, const Cancel& stop) {
                        return turn_ttl_on_for(connection, index, stop);
                      },
                      cancel));
    for (const auto& item : plan().items) result_.collections += item.entry->ns == bson::logical(item.entry->ns);
    return {};
  }

  Status turn_ttl_on_for(mongo::Connection& connection, size_t index, const Cancel& cancel) {
    const auto& item = plan().items[index];
    const auto& entry = *item.entry;
    const auto& ns = differs_[index] ? item.load_into : entry.ns;
    for (const auto& spec : entry.indexes) {
      if (is_ttl(spec) && entry.type == "collection") TRY(tell_expired(connection, ns, spec, cancel));
    }
    TRY(build_some(connection, item, ns, true, cancel));
    const auto expire = entry.options.view().find("expireAfterSeconds");
    if (!expire || entry.ns != bson::logical(entry.ns)) return {};
    bson::Builder change;
    change.add("expireAfterSeconds", *expire);
    return mongo::run_coll_mod(connection, ns, change.finish(), cancel);
  }

  Status tell_expired(mongo::Connection& connection, const bson::Namespace& ns, const bson::Document& index,
                      const Cancel& cancel) {
    const auto key = index.view().document("key");
    const auto seconds = index.view().int64("expireAfterSeconds");
    if (!key || !seconds) return {};
    const auto field = key->elements().next();
    if (!field) return {};
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().now().time_since_epoch()).count();
    TRY_ASSIGN(const auto expired, mongo::count_expired(connection, ns, field->name(), *seconds, now, cancel));
    if (expired == 0) return {};
    const auto sentence =
        fmt::format("{}: {} documents have expired by its TTL index on {} and will be deleted by the server", ns.text(),
                    expired, field->name());
    reporter_.warning(sentence);
    std::lock_guard lock(mutex_);
    result_.remarks.push_back(sentence);
    return {};
  }

  /// One after the other, so that a view on another view finds it.
  Status create_views(const Cancel& cancel) {
    for (const auto& item : plan().items) {
      if (item.entry->type == "view") TRY(create_one(*connection_, item, cancel));
    }
    return {};
  }

  Status restore_users(const Cancel& cancel) {
    if (!plan().users) return {};
    TRY_ASSIGN(result_.auth, mongo::merge_users_and_roles(*connection_, plan().target, plan().user_documents,
                                                          plan().role_documents, cancel));
    return {};
  }

  const BackupReader& backup_;
  RestoreOptions options_;
  Reporter& reporter_;
  std::optional<mongo::Connection> connection_;
  std::mutex mutex_;  // guards result_ and differs_ while several work
  std::vector<char> differs_;
  RestoreResult result_;
};

}  // namespace

Result<RestoreResult> restore(const BackupReader& backup, const RestoreOptions& options, Reporter& reporter,
                              const Cancel& cancel) {
  return Restore(backup, options, reporter).run(cancel);
}

}  // namespace varve::job
