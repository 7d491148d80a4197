#include "job/restore_resume.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.h"
#include "job/restore_progress.h"

namespace varve::job {

namespace {

bool drops(OnExisting existing) {
  return existing == OnExisting::kReplace || existing == OnExisting::kDropFirst;
}

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().now().time_since_epoch()).count();
}

std::string when(const RunState& run) {
  return format_utc(Time(std::chrono::milliseconds(run.begun)));
}

const Unfinished* own_run(const RestorePlan& plan) {
  const auto own = std::ranges::find(plan.unfinished, plan.run.id, [](const auto& each) { return each.run.id; });
  return own == plan.unfinished.end() ? nullptr : &*own;
}

const CollectionState* state_of(const Unfinished* run, const bson::Namespace& name) {
  if (run == nullptr) return nullptr;
  const auto found = run->collections.find(name);
  return found == run->collections.end() ? nullptr : &found->second;
}

/// A time-series is known by its buckets.
bson::Namespace key_of(const RestorePlan::Item& item) {
  return item.entry->type == "timeseries" ? bson::buckets_of(item.name) : item.name;
}

bool overlaps(const Unfinished& run, const RestorePlan& plan) {
  return std::ranges::any_of(plan.items, [&](const auto& item) { return state_of(&run, item.name) != nullptr; });
}

std::string command_of(const RunState& run) {
  return fmt::format("`varve restore {}{}{} --resume`", run.snapshot.substr(0, 8), run.words.empty() ? "" : " ",
                     run.words);
}

/// Going on is for the same backup and the same words.
Status refuse_others(const RestorePlan& plan) {
  for (const auto& unfinished : plan.unfinished) {
    const auto& run = unfinished.run;
    const bool same_backup = run.tree == plan.run.tree;
    if (!same_backup && !overlaps(unfinished, plan)) continue;
    const auto what = same_backup ? std::string("a restore of this backup by other words")
                                  : "a restore of another snapshot, " + run.snapshot.substr(0, 8) + ",";
    return fail(Error(ErrorKind::kInvalidInput, fmt::format("what was begun on {} at {} is {} and nothing else; "
                                                            "nothing was written",
                                                            plan.target.host, when(run), what))
                    .hint(command_of(run) + " goes on with it")
                    .hint("without --resume this one begins anew"));
  }
  return {};
}

/// Sets one item to where the interrupted restore left it.
class GoOn {
 public:
  GoOn(mongo::Connection& connection, const RestoreOptions& options, const mongo::Names& present, bool met_twice)
      : connection_(connection), options_(options), present_(present), met_twice_(met_twice) {}

  Status operator()(const Unfinished* run, RestorePlan::Item& item, const Cancel& cancel) const {
    const auto key = key_of(item);
    const auto* state = state_of(run, key);
    const bool ours = state != nullptr && !state->merge;
    if (ours && item.entry->type != "view") {
      if (const auto found = find(*state)) {
        go_on(*state, *found == key ? item.name : *found, item);
        return {};
      }
      if (item.exists && !state->there) {
        TRY_ASSIGN(const bool empty, mongo::is_empty(connection_, key, cancel));
        if (empty) {  // created and not yet noted
          create_anew(item, {});
          return {};
        }
      }
    }
    if (!item.exists || drops(options_.existing)) return {};
    const bool came_meanwhile = ours && !state->there;
    if (merges(options_.existing) && !came_meanwhile) return {};
    item.fill = true;
    item.merge = item.drop_first = false;
    item.load_into = item.name;
    return {};
  }

 private:
  /// Where the collection that the restore created is now.
  std::optional<bson::Namespace> find(const CollectionState& state) const {
    for (const auto& ns : {state.name, state.into}) {
      const auto found = present_.find(ns);
      if (found != present_.end() && !state.uuid.empty() && found->second.uuid == state.uuid) return ns;
    }
    return std::nullopt;
  }

  /// Where order counts, or a document may be in the backup twice, half a collection is of no use.
  void go_on(const CollectionState& state, const bson::Namespace& where, RestorePlan::Item& item) const {
    const bool ordered = item.entry->options.view().truthy("capped");
    item.load_into = where;
    item.merge = false;
    item.drop_first = false;
    if (!state.verified && (met_twice_ || (ordered && !state.loaded))) {
      if (where == item.name) create_anew(item, state.uuid);
      return;
    }
    item.begun = state;
    item.begun->name = item.name;
    if (item.entry->type == "timeseries") item.begun->into = item.name;
  }

  static void create_anew(RestorePlan::Item& item, Bytes uuid) {
    item.merge = false;
    item.drop_first = true;
    item.redo = std::move(uuid);
    item.load_into = item.name;
  }

  mongo::Connection& connection_;
  const RestoreOptions& options_;
  const mongo::Names& present_;
  const bool met_twice_;
};

}  // namespace

Status plan_resume(mongo::Connection& connection, const BackupMoment& moment, const RestoreOptions& options,
                   const mongo::Names& present, RestorePlan& plan, const Cancel& cancel) {
  plan.run = make_run(moment.backup().tree().hex(), options.snapshot, options.words, now_ms());
  TRY_ASSIGN(plan.unfinished, unfinished_restores(connection, cancel));
  if (!options.resume) return {};
  const auto* own = own_run(plan);
  if (own == nullptr) TRY(refuse_others(plan));
  plan.resumed = own != nullptr;
  if (own != nullptr) plan.run.begun = own->run.begun;
  const GoOn go_on(connection, options, present, moment.backup().manifest().may_repeat());
  for (auto& item : plan.items) TRY(go_on(own, item, cancel));
  plan.remarks.push_back(own == nullptr ? "nothing of this restore was begun on " + plan.target.host
                                        : "went on with what was begun at " + when(plan.run));
  return {};
}

Status refuse_unfinished(const RestoreOptions& options, RestorePlan& plan) {
  const auto* own = own_run(plan);
  const bool brought = std::ranges::any_of(plan.items, [&](const auto& item) {
    const auto* state = state_of(own, item.name);
    return item.exists && state != nullptr && !state->merge && (!state->there || !state->uuid.empty());
  });
  if (!brought) return {};
  if (drops(options.existing)) {
    plan.remarks.push_back("a restore of this backup that was begun at " + when(own->run) +
                           " and did not end is begun anew; --resume would have gone on with it");
    return {};
  }
  return fail(Error(ErrorKind::kExists, fmt::format("a restore of this backup to {} was begun at {} and did not end; "
                                                    "nothing was written",
                                                    plan.target.host, when(own->run)))
                  .hint("--resume goes on with it")
                  .hint(merges(options.existing)
                            ? "to forget it, drop the database varve_restore there; what it has added then counts as "
                              "the target's own"
                            : "--drop begins anew, and replaces what it has restored so far"));
}

Status check_redo(mongo::Connection& connection, const RestorePlan::Item& item, const Cancel& cancel) {
  if (!item.redo) return {};
  const auto ns = key_of(item);
  TRY_ASSIGN(const auto names, mongo::list_names(connection, {ns.db}, cancel));
  const auto found = names.find(ns);
  bool own = found != names.end() && found->second.uuid == *item.redo;
  if (item.redo->empty()) {
    TRY_ASSIGN(own, mongo::is_empty(connection, ns, cancel));
  }
  if (own) return {};
  return fail(Error(ErrorKind::kExists, "somebody has put something into " + item.name.text() +
                                            " since it was looked at; it was not dropped")
                  .hint("--resume once more adds to it what it lacks"));
}

std::vector<std::string> tell_unfinished(const RestorePlan& plan) {
  std::vector<std::string> lines;
  for (const auto& unfinished : plan.unfinished) {
    if (!overlaps(unfinished, plan)) continue;
    lines.push_back(fmt::format("{} goes on with the restore that was begun there at {} and did not end",
                                command_of(unfinished.run), when(unfinished.run)));
  }
  return lines;
}

}  // namespace varve::job
