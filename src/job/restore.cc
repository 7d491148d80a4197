#include "job/restore.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stop_token>
#include <thread>

#include <fmt/format.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/task_group.h"
#include "job/prove_restored.h"
#include "job/restore_load.h"
#include "job/restore_plan.h"
#include "job/restore_progress.h"
#include "job/restore_resume.h"
#include "job/try_out.h"
#include "job/ttl_commands.h"
#include "job/workers.h"
#include "mongo/names.h"

namespace varve::job {

namespace {

constexpr unsigned kDefaultWriters = 2;
constexpr auto kLastNotes = std::chrono::seconds(5);

void append(const std::vector<std::string>& sentences, std::vector<std::string>& to) {
  to.insert(to.end(), sentences.begin(), sentences.end());
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
    if (!options_.resume) TRY(refuse_unfinished(options_, plan()));
    if (!options_.resume && options_.existing == OnExisting::kRefuse) TRY(refuse_existing(plan()));
    if (options_.dry_run) TRY(try_out(*connection_, options_, plan(), cancel));
    tell_about_moment();
    if (options_.dry_run) return std::move(result_);
    if (options_.confirm && !options_.confirm(plan())) {
      return fail(ErrorKind::kCancelled, "not confirmed; nothing was written");
    }
    TRY(check_whole(cancel));
    const auto told = plan().shortfalls.size();
    TRY(try_out(*connection_, options_, plan(), cancel));
    append({plan().shortfalls.begin() + static_cast<ptrdiff_t>(told), plan().shortfalls.end()}, result_.shortfalls);
    progress_.emplace(plan(), options_.write_concern);
    auto status = write(cancel);
    if (status) return std::move(result_);
    if (status.error().kind() == ErrorKind::kCancelled) note_the_last();
    if (!plan().target.product.empty() && !is_stop(status.error())) {
      status.error().hint(plan().target.product +
                          " may not hold every value that a MongoDB does, and end a connection over one; "
                          "--ns-exclude leaves a collection out");
    }
    return fail(std::move(status).error().hint(what_is_left()));
  }

 private:
  RestorePlan& plan() { return result_.plan; }

  /// Who stops it is to lose as little as may be; a server that is gone, or a write concern that it cannot fulfil, must
  /// not be waited for.
  void note_the_last() {
    std::stop_source late;
    const std::jthread limit([&late](const std::stop_token& done) {
      if (Cancel(done).sleep(kLastNotes)) late.request_stop();
    });
    (void)progress_->flush(*connection_, Cancel(late.get_token()));
  }

  std::string what_is_left() const {
    constexpr std::string_view kNext = "the same command with --resume goes on from there";
    if (!dropped_.empty()) {
      return fmt::format("dropped so far, and not all back: {}; {}", fmt::join(dropped_, ", "), kNext);
    }
    if (merges(options_.existing)) return fmt::format("documents added so far stay on the target; {}", kNext);
    return fmt::format(
        "what was restored so far stays on the target, and collections to be replaced are as they were; {}", kNext);
  }

  /// What is dropped first must be there to come back.
  Status check_whole(const Cancel& cancel) const {
    for (const auto& item : result_.plan.items) {
      if (!item.exists || !item.drop_first || item.entry->type != "collection") continue;
      const auto& known = backup_.manifest().collections;
      const auto base = std::ranges::find(known, item.entry->uuid, &collection::CollectionEntry::uuid);
      if (base != known.end()) TRY(backup_.data(*base, cancel));
    }
    return {};
  }

  Status write(const Cancel& cancel) {
    TRY(progress_->begin(*connection_, cancel));
    TRY(create_collections(cancel));
    TRY(progress_->created(*connection_, cancel));
    TRY_ASSIGN(const auto loaded, load_and_index(cancel));
    TRY(verify(loaded, cancel));
    TRY(progress_->flush(*connection_, cancel));  // before anything may expire
    TRY(put_in_place(cancel));
    TRY(turn_ttl_on(cancel));
    TRY(create_views(cancel));
    TRY(restore_users(cancel));
    TRY(mongo::barrier(*connection_, plan().target, cancel));
    return progress_->end(*connection_, cancel);
  }

  void tell_about_moment() {
    const auto& m = backup_.manifest();
    append(result_.moment->missing(), result_.shortfalls);
    if (m.consistency == "inconsistent") {
      result_.shortfalls.push_back(
          "the backup is of a standalone server that was, or may have been, written to while it was read");
    } else if (m.consistency == "imported") {
      result_.remarks.push_back("it is " + m.imported_from +
                                ", a dump without an oplog: nobody knows whether its collections are of one moment");
    }
    if (plan().users_left_out) {
      result_.remarks.push_back(
          "the backup's users and roles come back with a whole restore or --users and were left out");
    }
    append(plan().remarks, result_.remarks);
    append(plan().shortfalls, result_.shortfalls);
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

  Status create_one(mongo::Connection& connection, const RestorePlan::Item& item, const Cancel& cancel) {
    if (item.merge || item.fill || item.begun) return {};
    if (item.name != bson::logical(item.name)) return {};      // is made with its time-series
    if (item.exists && item.name.collection == "system.js") {  // not every server lets it be dropped
      note_dropped(item.name);
      return mongo::delete_all(connection, item.name, cancel);
    }
    if (item.exists && item.drop_first) {
      TRY(check_redo(connection, item, cancel));
      note_dropped(item.name);
      TRY(mongo::drop_collection(connection, item.name, cancel));
    }
    if (item.load_into != item.name) TRY(mongo::drop_collection(connection, item.load_into, cancel));
    const auto options = bson::without(item.options, "expireAfterSeconds");
    auto created = mongo::create_collection(connection, item.load_into, options, item.entry->id_index, cancel);
    if (!created) return fail(std::move(created.error()).within("cannot create " + item.name.text()));
    return {};
  }

  void note_dropped(const bson::Namespace& ns) {
    std::lock_guard lock(mutex_);
    dropped_.push_back(ns.text());
  }

  void count(const RestorePlan::Item& item, const Loaded& loaded) {
    result_.documents += loaded.as_stored.documents;
    result_.bytes += loaded.as_stored.bytes;
    for (const auto& document : loaded.too_large) {
      result_.shortfalls.push_back(
          fmt::format("{}: {}, no server takes more than {}: left out; `varve export` writes it into a folder",
                      item.name.text(), document, mongo::kMaxDocumentBytes));
    }
    if (item.merge) {
      result_.kept += loaded.refused;
    } else if (loaded.refused > 0) {
      result_.remarks.push_back(
          fmt::format("{}: {} documents were rewritten while they were read and met twice; one of the "
                      "two was restored",
                      item.name.text(), loaded.refused));
    }
  }

  /// A collection's indexes are built while others are loaded: a build keeps one of the target's cores busy, which
  /// would leave the others idle if all builds came last.
  Result<std::vector<Loaded>> load_and_index(const Cancel& cancel) {
    std::vector<Loaded> loaded;
    Channel<size_t> complete(plan().items.size() + 1);
    TaskGroup group(cancel);
    group.spawn([&](const Cancel& stop) { return load(loaded, complete, stop); });
    for (unsigned i = 0; options_.indexes && i < options_.writers; ++i) {
      group.spawn([&](const Cancel& stop) { return build_indexes(complete, stop); });
    }
    TRY(group.wait());
    if (!options_.indexes) tell_left_out_indexes();
    for (size_t i = 0; i < loaded.size(); ++i) count(plan().items[i], loaded[i]);
    return loaded;
  }

  /// Tells of each item that has all of its documents. Those of a time-series are loaded as its buckets.
  Status load(std::vector<Loaded>& loaded, Channel<size_t>& complete, const Cancel& cancel) {
    const auto tell = [&](size_t item) { (void)complete.push(item, cancel); };
    TRY_ASSIGN(loaded, load_collections(*result_.moment, plan(), options_, *progress_, tell, reporter_, cancel));
    TRY(progress_->flush(*connection_, cancel));
    result_.written = all_loaded_ = true;
    for (size_t i = 0; i < plan().items.size(); ++i) {
      if (plan().items[i].entry->type == "timeseries") tell(i);
    }
    complete.close();
    return {};
  }

  Status build_indexes(Channel<size_t>& complete, const Cancel& cancel) {
    TRY_ASSIGN(auto connection, mongo::Connection::open(options_.to, cancel));
    while (const auto index = complete.pop(cancel)) {
      const auto& item = plan().items[*index];
      TRY(build_some(connection, item, item.load_into, false, cancel));
    }
    return cancel.check();
  }

  void tell_left_out_indexes() {
    ptrdiff_t left_out = 0;
    for (const auto& item : plan().items) {
      left_out += std::ranges::count_if(item.indexes, [](const auto& index) { return !is_id_index(index); });
    }
    if (left_out > 0) result_.remarks.push_back(fmt::format("{} indexes were left out (--no-indexes)", left_out));
  }

  Status build_some(mongo::Connection& connection, const RestorePlan::Item& item, const bson::Namespace& ns, bool ttl,
                    const Cancel& cancel) {
    if (item.name != bson::logical(item.name)) return {};  // a time-series' indexes are built through its own name
    std::vector<bson::Document> wanted;
    for (const auto& index : item.indexes) {
      if (!is_id_index(index) && is_ttl(index) == ttl) wanted.push_back(index);
    }
    if (wanted.empty()) return {};
    if (all_loaded_) {
      reporter_.progress({.action = "restore",
                          .item = item.name.text() + " (indexes)",
                          .bytes = plan().bytes,
                          .bytes_total = plan().bytes});
    }
    const bool collation = item.options.view().find("collation").has_value();
    TRY_ASSIGN(const auto failed, mongo::create_indexes(connection, ns, wanted, collation, cancel));
    std::lock_guard lock(mutex_);
    result_.indexes += wanted.size() - failed.size();
    for (const auto& index : failed) {
      result_.shortfalls.push_back(
          fmt::format("{}: index {} could not be built: {}", item.name.text(), index.name, index.reason));
    }
    return {};
  }

  Status verify(const std::vector<Loaded>& loaded, const Cancel& cancel) {
    differs_.clear();
    for (size_t i = 0; i < plan().items.size(); ++i) {
      // What lacks documents must not take another's place, whether it is read back or not.
      differs_.push_back(!loaded[i].too_large.empty() && plan().items[i].load_into != plan().items[i].name);
    }
    if (!options_.verify) {
      result_.shortfalls.push_back("the restored documents were not read back (--no-verify)");
      return {};
    }
    // What was proven before it was interrupted may have begun to expire.
    const auto to_prove = [](const auto& item) {
      return item.entry->type == "collection" && !(item.begun && item.begun->verified);
    };
    return for_each_item(
        to_prove,
        [&](mongo::Connection& connection, size_t index, const Cancel& stop) {
          return verify_one(connection, index, loaded[index], stop);
        },
        cancel);
  }

  Status verify_one(mongo::Connection& connection, size_t index, const Loaded& loaded, const Cancel& cancel) {
    const auto& item = plan().items[index];
    reporter_.progress({.action = "restore",
                        .item = item.name.text() + " (verifying)",
                        .bytes = result_.bytes,
                        .bytes_total = plan().bytes});
    TRY_ASSIGN(const auto proof, item.merge ? prove_merged(connection, item, backup_, options_, cancel)
                                            : prove_loaded(connection, item, loaded, cancel));
    std::lock_guard lock(mutex_);
    if (proof.differs) differs_[index] = true;
    if (proof.shortfalls.empty()) progress_->verified(index, loaded.as_stored, loaded.too_large);
    append(proof.shortfalls, result_.shortfalls);
    append(proof.remarks, result_.remarks);
    return {};
  }

  /// The replaced collection goes only when its successor is complete and proven; else both stay.
  Status put_in_place(const Cancel& cancel) {
    return for_each_item([](const auto& item) { return item.load_into != item.name; },
                         [this](mongo::Connection& connection, size_t index, const Cancel& stop) -> Status {
                           const auto& item = plan().items[index];
                           if (!differs_[index]) return mongo::rename_over(connection, item.load_into, item.name, stop);
                           std::lock_guard lock(mutex_);
                           result_.shortfalls.push_back(fmt::format("{}: kept as it was; what was restored is in {}",
                                                                    item.name.text(), item.load_into.text()));
                           return {};
                         },
                         cancel);
  }

  Status turn_ttl_on(const Cancel& cancel) {
    for (const auto& item : plan().items) result_.collections += item.name == bson::logical(item.name);
    for (size_t i = 0; i < plan().items.size(); ++i) {
      // What the target holds beside the backup's documents is not for a restore to let expire.
      const auto& item = plan().items[i];
      if ((!options_.ttl || item.merge) && !differs_[i])
        append(ttl_commands(item, options_.indexes), result_.ttl_commands);
    }
    if (!options_.ttl) return {};
    return for_each_item([](const auto& item) { return item.entry->type != "view" && !item.merge; },
                         [this](mongo::Connection& connection, size_t index, const Cancel& stop) {
                           return turn_ttl_on_for(connection, index, stop);
                         },
                         cancel);
  }

  Status turn_ttl_on_for(mongo::Connection& connection, size_t index, const Cancel& cancel) {
    const auto& item = plan().items[index];
    const auto& ns = differs_[index] ? item.load_into : item.name;
    for (const auto& spec : item.indexes) {
      if (options_.indexes && is_ttl(spec) && item.entry->type == "collection")
        TRY(tell_expired(connection, ns, spec, cancel));
    }
    if (options_.indexes) TRY(build_some(connection, item, ns, true, cancel));
    const auto expire = item.options.view().find("expireAfterSeconds");
    if (!expire || item.name != bson::logical(item.name)) return {};
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
      if (item.entry->type == "view" && !item.merge) TRY(create_one(*connection_, item, cancel));
    }
    return {};
  }

  Status restore_users(const Cancel& cancel) {
    if (!plan().users) return {};
    TRY_ASSIGN(result_.auth,
               mongo::merge_users_and_roles(*connection_, plan().target, plan().user_documents, plan().role_documents,
                                            options_.users == UsersMode::kReplace, cancel));
    return {};
  }

  const BackupReader& backup_;
  RestoreOptions options_;
  Reporter& reporter_;
  std::optional<mongo::Connection> connection_;
  std::optional<RestoreProgress> progress_;
  std::mutex mutex_;  // guards result_, differs_ and dropped_ while several work
  std::vector<char> differs_;
  std::vector<std::string> dropped_;
  std::atomic<bool> all_loaded_{false};  // before, progress is that of loading
  RestoreResult result_;
};

}  // namespace

Result<RestoreResult> restore(const BackupReader& backup, const RestoreOptions& options, Reporter& reporter,
                              const Cancel& cancel) {
  return Restore(backup, options, reporter).run(cancel);
}

}  // namespace varve::job
